BEGIN TRANSACTION;
CREATE TABLE answered (
	project TEXT NOT NULL, 
	task TEXT NOT NULL, 
	prompt VARCHAR(16) NOT NULL, 
	replies JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, task)
);
INSERT INTO "answered" VALUES('1.1795372439','1','581f76da77db5532','["565339bc4d33d728"]',1.79563564762036943431e+09);
CREATE TABLE leases (
	"key" VARCHAR(64) NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	until FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE processes (
	name VARCHAR(32) NOT NULL, 
	at FLOAT NOT NULL, 
	report JSON NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE projects (
	project TEXT NOT NULL, 
	params JSON NOT NULL, 
	PRIMARY KEY (project)
);
INSERT INTO "projects" VALUES('1.1795372439','{"temperature": 0.1}');
CREATE TABLE prompts (
	id INTEGER NOT NULL, 
	project TEXT NOT NULL, 
	field TEXT DEFAULT '' NOT NULL, 
	text TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "prompts" VALUES(1,'1.1795372439','prompt','Judge.',1.7956356476047382355e+09);
CREATE TABLE replies (
	"key" VARCHAR(64) NOT NULL, 
	reply JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "replies" VALUES('a','{"texts": ["OK"], "prompt_tokens": 7, "completion_tokens": 3, "cut": false}',1.79563564761808609968e+09);
CREATE TABLE versions (
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, version)
);
INSERT INTO "versions" VALUES('1.1795372439','m/1',1.79563564761698532101e+09);
CREATE INDEX ix_answered_created_at ON answered (created_at);
CREATE INDEX ix_prompts_project ON prompts (project);
CREATE INDEX ix_replies_created_at ON replies (created_at);
COMMIT;

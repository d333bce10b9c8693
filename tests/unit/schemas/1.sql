BEGIN TRANSACTION;
CREATE TABLE answered (
	project TEXT NOT NULL, 
	task TEXT NOT NULL, 
	prompt VARCHAR(16) NOT NULL, 
	replies JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, task)
);
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
CREATE TABLE prompts (
	id INTEGER NOT NULL, 
	project TEXT NOT NULL, 
	field TEXT DEFAULT '' NOT NULL, 
	text TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE replies (
	"key" VARCHAR(64) NOT NULL, 
	reply JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE versions (
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, version)
);
CREATE INDEX ix_prompts_project ON prompts (project);
CREATE INDEX ix_replies_created_at ON replies (created_at);
CREATE INDEX ix_answered_created_at ON answered (created_at);
COMMIT;

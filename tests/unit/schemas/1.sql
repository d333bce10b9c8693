BEGIN TRANSACTION;
CREATE TABLE answered (
	project TEXT NOT NULL, 
	task TEXT NOT NULL, 
	prompt VARCHAR(16) NOT NULL, 
	replies JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, task)
);
CREATE TABLE batch_requests (
	"key" VARCHAR(64) NOT NULL, 
	batch VARCHAR(32) NOT NULL, 
	task TEXT NOT NULL, 
	error TEXT NOT NULL, 
	refused BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE batches (
	"key" VARCHAR(32) NOT NULL, 
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	model TEXT NOT NULL, 
	endpoint TEXT NOT NULL, 
	error TEXT NOT NULL, 
	prompts JSON NOT NULL, 
	tasks JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	file TEXT, 
	id TEXT, 
	requests INTEGER NOT NULL, 
	lines_read INTEGER NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE calls (
	id INTEGER NOT NULL, 
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	task TEXT NOT NULL, 
	model TEXT NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	created_at FLOAT NOT NULL, 
	batched BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE cancelled (
	run VARCHAR(32) NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (run)
);
CREATE TABLE chosen_examples (
	"key" VARCHAR(64) NOT NULL, 
	tasks JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE error_texts (
	project TEXT NOT NULL, 
	annotation TEXT NOT NULL, 
	task TEXT NOT NULL, 
	held BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, annotation)
);
CREATE TABLE evaluations (
	project TEXT NOT NULL, 
	html TEXT NOT NULL, 
	made_at FLOAT NOT NULL, 
	PRIMARY KEY (project)
);
CREATE TABLE example_sets (
	project TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	content JSON NOT NULL, 
	made_at FLOAT NOT NULL, 
	PRIMARY KEY (project, digest)
);
CREATE TABLE facts (
	project TEXT NOT NULL, 
	title TEXT, 
	config TEXT, 
	tasks INTEGER, 
	labelled INTEGER, 
	told_at FLOAT NOT NULL, 
	PRIMARY KEY (project)
);
CREATE TABLE leases (
	"key" VARCHAR(64) NOT NULL, 
	owner VARCHAR(32) NOT NULL, 
	until FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE pins (
	project TEXT NOT NULL, 
	field TEXT NOT NULL, 
	text TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, field)
);
CREATE TABLE projects (
	project TEXT NOT NULL, 
	params JSON NOT NULL, 
	saved_at FLOAT DEFAULT '0' NOT NULL, 
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
CREATE TABLE ranked (
	project TEXT NOT NULL, 
	task TEXT NOT NULL, 
	reply TEXT NOT NULL, 
	version TEXT NOT NULL, 
	source TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, task, reply, version)
);
CREATE TABLE ranked_prompts (
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, version)
);
CREATE TABLE replies (
	"key" VARCHAR(64) NOT NULL, 
	reply JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE runs (
	"key" VARCHAR(32) NOT NULL, 
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	mode VARCHAR(16) NOT NULL, 
	tasks INTEGER NOT NULL, 
	from_store INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	late INTEGER NOT NULL, 
	"left" INTEGER NOT NULL, 
	errors JSON NOT NULL, 
	note TEXT NOT NULL, 
	started_at FLOAT NOT NULL, 
	told_at FLOAT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE submissions (
	project TEXT NOT NULL, 
	annotation TEXT NOT NULL, 
	edited BOOLEAN NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, annotation)
);
CREATE TABLE totals (
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	batch_done BIGINT NOT NULL, 
	batch_failed BIGINT NOT NULL, 
	batch_late BIGINT NOT NULL, 
	interactive_done BIGINT NOT NULL, 
	interactive_failed BIGINT NOT NULL, 
	from_store BIGINT NOT NULL, 
	calls_ok BIGINT NOT NULL, 
	calls_failed BIGINT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	reasoning_tokens BIGINT NOT NULL, 
	batched_prompt_tokens BIGINT NOT NULL, 
	batched_cached_tokens BIGINT NOT NULL, 
	batched_completion_tokens BIGINT NOT NULL, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (project, version)
);
CREATE TABLE verdicts (
	project TEXT NOT NULL, 
	judge TEXT NOT NULL, 
	task INTEGER NOT NULL, 
	ranked JSON NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, judge, task)
);
CREATE TABLE versions (
	project TEXT NOT NULL, 
	version TEXT NOT NULL, 
	created_at FLOAT NOT NULL, 
	PRIMARY KEY (project, version)
);
CREATE INDEX ix_prompts_project ON prompts (project);
CREATE INDEX ix_replies_created_at ON replies (created_at);
CREATE INDEX ix_answered_created_at ON answered (created_at);
CREATE INDEX calls_of_version ON calls (project, version);
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_submissions_created_at ON submissions (created_at);
CREATE INDEX ix_batch_requests_created_at ON batch_requests (created_at);
CREATE INDEX ix_ranked_created_at ON ranked (created_at);
CREATE INDEX ix_ranked_prompts_created_at ON ranked_prompts (created_at);
CREATE INDEX ix_verdicts_created_at ON verdicts (created_at);
CREATE INDEX ix_chosen_examples_created_at ON chosen_examples (created_at);
COMMIT;

-- The first schema. Times are milliseconds since the Unix epoch (BIGINT), booleans 0 or 1,
-- lists and maps TEXT JSON. Everything but the AUTOINCREMENT ids is also valid for Postgres.

CREATE TABLE registered_models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    next_version BIGINT NOT NULL DEFAULT 1
);
CREATE TABLE registered_model_tags (
    owner_id BIGINT NOT NULL REFERENCES registered_models (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);
CREATE TABLE model_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id BIGINT NOT NULL REFERENCES registered_models (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    stage TEXT NOT NULL,
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT NOT NULL,
    logged_model_id TEXT NOT NULL,
    run_link TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL DEFAULT '',
    artifact_digest TEXT NOT NULL,
    UNIQUE (model_id, version),
    -- What an alias points at belongs to the alias' own model.
    UNIQUE (id, model_id),
    -- A version is READY exactly when its files are named.
    CHECK ((status = 'READY') = (artifact_digest <> ''))
);
CREATE INDEX model_versions_run ON model_versions (run_id);
CREATE TABLE model_version_tags (
    owner_id BIGINT NOT NULL REFERENCES model_versions (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);
CREATE TABLE model_aliases (
    model_id BIGINT NOT NULL,
    alias TEXT NOT NULL,
    version_id BIGINT NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (version_id, model_id) REFERENCES model_versions (id, model_id) ON DELETE CASCADE
);
CREATE INDEX model_aliases_version ON model_aliases (version_id);

-- Append-only, and without a foreign key: history outlives what it is about.
CREATE TABLE stage_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id BIGINT NOT NULL,
    model_name TEXT NOT NULL,
    version BIGINT NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX stage_history_model ON stage_history (model_id, version);
CREATE INDEX stage_history_name ON stage_history (model_name);
CREATE TRIGGER stage_history_no_update BEFORE UPDATE ON stage_history
BEGIN SELECT RAISE(ABORT, 'stage_history is append-only'); END;
CREATE TRIGGER stage_history_no_delete BEFORE DELETE ON stage_history
BEGIN SELECT RAISE(ABORT, 'stage_history is append-only'); END;

CREATE TABLE experiments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
INSERT INTO experiments (id, name, created_at, updated_at) VALUES (0, 'Default', 0, 0);
CREATE TABLE experiment_tags (
    owner_id BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL UNIQUE,
    experiment_id BIGINT NOT NULL REFERENCES experiments (id),
    run_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    deleted_at BIGINT,
    deleted_with_experiment BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX runs_experiment ON runs (experiment_id, started_at);
CREATE TABLE run_tags (
    owner_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);
CREATE TABLE params (
    owner_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);
-- SQLite has no NaN: such a value is 0 with not_a_number = 1.
CREATE TABLE metrics (
    owner_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    not_a_number BIGINT NOT NULL,
    logged_at BIGINT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (owner_id, key, logged_at, step, value, not_a_number)
);
CREATE TABLE latest_metrics (
    owner_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    not_a_number BIGINT NOT NULL,
    logged_at BIGINT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (owner_id, key)
);

CREATE TABLE endpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    active_config TEXT,
    pending_config TEXT,
    config_update TEXT NOT NULL,
    update_message TEXT NOT NULL,
    last_config_version BIGINT NOT NULL
);
CREATE TABLE endpoint_tags (
    owner_id BIGINT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
);

CREATE TABLE tokens (
    token_id TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    keyed_hash BLOB NOT NULL,
    owner TEXT NOT NULL,
    role TEXT NOT NULL,
    endpoints TEXT,
    comment TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE notifiers (
    name TEXT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL
);
CREATE TABLE monitors (
    name TEXT PRIMARY KEY NOT NULL,
    endpoint TEXT NOT NULL,
    baseline TEXT NOT NULL,
    columns TEXT NOT NULL,
    window_ms BIGINT NOT NULL,
    every_ms BIGINT,
    mode TEXT NOT NULL,
    min_accuracy DOUBLE PRECISION NOT NULL,
    max_latency_ms DOUBLE PRECISION NOT NULL,
    max_drift_pvalue DOUBLE PRECISION NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE monitor_notifiers (
    monitor TEXT NOT NULL REFERENCES monitors (name) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    notifier TEXT NOT NULL REFERENCES notifiers (name),
    PRIMARY KEY (monitor, position)
);
CREATE TABLE monitor_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    monitor TEXT NOT NULL REFERENCES monitors (name) ON DELETE CASCADE,
    window_start BIGINT NOT NULL,
    window_end BIGINT NOT NULL,
    ran_at BIGINT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX monitor_runs_monitor ON monitor_runs (monitor, id);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY NOT NULL,
    monitor TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    value DOUBLE PRECISION,
    threshold DOUBLE PRECISION,
    fired_at BIGINT NOT NULL,
    resolved_at BIGINT
);
-- At most one open alert of a kind per monitor, whoever evaluates it.
CREATE UNIQUE INDEX alerts_open ON alerts (monitor, kind) WHERE state = 'firing';
CREATE INDEX alerts_fired ON alerts (fired_at);
CREATE INDEX alerts_resolved ON alerts (state, resolved_at);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    dedup_key TEXT NOT NULL,
    notifier TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    settled_at BIGINT,
    UNIQUE (dedup_key, notifier)
);
CREATE INDEX outbox_due ON outbox (state, next_attempt_at);
CREATE INDEX outbox_settled ON outbox (settled_at);

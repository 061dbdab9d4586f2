-- Who uses the operator's desk, with what they prove it, and where they are logged in.
CREATE TABLE desk_users (
  id          TEXT COLLATE "C" PRIMARY KEY,            -- 16 random bytes, hex
  name        TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
  role        TEXT NOT NULL CHECK (role IN ('viewer', 'submitter', 'operator', 'admin')),
  password    TEXT NOT NULL,               -- argon2id, PHC string; '' none: nobody logs in with it
  totp        BYTEA NOT NULL,               -- the secret of the second factor, or empty
  step        BIGINT NOT NULL,            -- of the last code taken: none is taken twice
  failures    BIGINT NOT NULL,            -- in a row
  locked      BIGINT NOT NULL,            -- until when no password is looked at
  enrol       BYTEA NOT NULL,               -- SHA-256 of the enrolment code, or empty
  enrol_until BIGINT NOT NULL,
  created     BIGINT NOT NULL,
  removed     BIGINT NOT NULL             -- 0: may log in
);
CREATE UNIQUE INDEX desk_users_name ON desk_users (name) WHERE removed = 0;

CREATE TABLE desk_passkeys (
  id         BYTEA PRIMARY KEY CHECK (length(id) > 0), -- the authenticator's name for it
  person     TEXT COLLATE "C" NOT NULL REFERENCES desk_users (id),
  name       TEXT NOT NULL,
  host       TEXT NOT NULL,                           -- the relying party that it is for
  credential TEXT NOT NULL,                           -- public key and counter, JSON of go-webauthn
  created    BIGINT NOT NULL,
  used       BIGINT NOT NULL
);
CREATE INDEX desk_passkeys_person ON desk_passkeys (person);

CREATE TABLE desk_sessions (
  digest  BYTEA PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of the cookie
  person  TEXT COLLATE "C" NOT NULL REFERENCES desk_users (id),
  created BIGINT NOT NULL,
  seen    BIGINT NOT NULL
);
CREATE INDEX desk_sessions_person ON desk_sessions (person);

-- What the desk must remember between two requests, once: a challenge.
CREATE TABLE desk_tickets (
  digest BYTEA PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of what the browser was given
  kind   TEXT NOT NULL,
  data   TEXT NOT NULL,
  until  BIGINT NOT NULL
);

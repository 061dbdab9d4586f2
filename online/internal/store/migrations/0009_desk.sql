-- Who uses the operator's desk, with what they prove it, and where they are logged in.
CREATE TABLE desk_users (
  id          TEXT PRIMARY KEY,            -- 16 random bytes, hex
  name        TEXT NOT NULL CHECK (name <> ''),
  role        TEXT NOT NULL CHECK (role IN ('viewer', 'submitter', 'operator', 'admin')),
  password    TEXT NOT NULL,               -- argon2id, PHC string; '' none: nobody logs in with it
  totp        BLOB NOT NULL,               -- the secret of the second factor, or empty
  step        INTEGER NOT NULL,            -- of the last code taken: none is taken twice
  failures    INTEGER NOT NULL,            -- in a row
  locked      INTEGER NOT NULL,            -- until when no password is looked at
  enrol       BLOB NOT NULL,               -- SHA-256 of the enrolment code, or empty
  enrol_until INTEGER NOT NULL,
  created     INTEGER NOT NULL,
  removed     INTEGER NOT NULL             -- 0: may log in
) STRICT;
CREATE UNIQUE INDEX desk_users_name ON desk_users (name) WHERE removed = 0;

CREATE TABLE desk_passkeys (
  id         BLOB PRIMARY KEY CHECK (length(id) > 0), -- the authenticator's name for it
  person     TEXT NOT NULL REFERENCES desk_users (id),
  name       TEXT NOT NULL,
  host       TEXT NOT NULL,                           -- the relying party that it is for
  credential TEXT NOT NULL,                           -- public key and counter, JSON of go-webauthn
  created    INTEGER NOT NULL,
  used       INTEGER NOT NULL
) STRICT;
CREATE INDEX desk_passkeys_person ON desk_passkeys (person);

CREATE TABLE desk_sessions (
  digest  BLOB PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of the cookie
  person  TEXT NOT NULL REFERENCES desk_users (id),
  created INTEGER NOT NULL,
  seen    INTEGER NOT NULL
) STRICT;
CREATE INDEX desk_sessions_person ON desk_sessions (person);

-- What the desk must remember between two requests, once: a challenge.
CREATE TABLE desk_tickets (
  digest BLOB PRIMARY KEY CHECK (length(digest) = 32), -- SHA-256 of what the browser was given
  kind   TEXT NOT NULL,
  data   TEXT NOT NULL,
  until  INTEGER NOT NULL
) STRICT;

package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Session is a browser in which somebody is logged in.
type Session struct {
	User          User
	Created, Seen time.Time
}

// touch is how old the note of the last request may be: not each one is written.
const touch = time.Minute

// LogIn begins a session of the cookie with the given SHA-256. A code's step that
// is not after the last one is desk.login: none is taken twice. Step 0 is no code.
func (s *Store) LogIn(ctx context.Context, id string, step int64, digest [32]byte, how string) error {
	return s.write(ctx, func(t *tx) error {
		u, err := known(t.row("SELECT "+userColumns+" FROM desk_users u WHERE u.id = ? AND u.removed = 0", id), id)
		if err != nil {
			return err
		}
		if u.Barred() {
			return fault.New("desk.locked", "ask an administrator", "an administrator has locked this user")
		}
		if step != 0 && u.Password == "" {
			return fault.New("desk.login", "", "the user was reset meanwhile")
		}
		if step != 0 && step <= u.Step {
			return fault.New("desk.login", "", "the code was used before")
		}
		if _, err := t.exec("UPDATE desk_users SET failures = 0, locked = 0, step = ? WHERE id = ?", max(step, u.Step), id); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO desk_sessions (digest, person, created, seen) VALUES (?, ?, ?, ?)", digest[:], id, t.at.UnixMilli(), t.at.UnixMilli()); err != nil {
			return err
		}
		return t.audit("desk.login", bundle.ID{}, "", "", u.Name+" "+how)
	})
}

// Session gives the session of a cookie, or desk.session: there is none, it had no
// request for idle, or it is older than whole. Those that are over are deleted.
func (s *Store) Session(ctx context.Context, digest [32]byte, idle, whole time.Duration) (Session, error) {
	x, err := s.SessionUnseen(ctx, digest, idle, whole)
	if err != nil || s.now().Sub(x.Seen) < touch {
		return x, err
	}
	err = s.writeBeside(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE desk_sessions SET seen = ? WHERE digest = ?", t.at.UnixMilli(), digest[:])
		return err
	})
	if s.Damaged() != nil { // it is read, and nothing is written
		err = nil
	}
	return x, err
}

// SessionUnseen is Session for a request that no person made: a session of which
// there are no others becomes idle all the same.
func (s *Store) SessionUnseen(ctx context.Context, digest [32]byte, idle, whole time.Duration) (Session, error) {
	var x Session
	var created, seen int64
	row := s.db.QueryRowContext(ctx, "SELECT "+userColumns+", s.created, s.seen FROM desk_sessions s JOIN desk_users u ON u.id = s.person WHERE s.digest = ? AND u.removed = 0", digest[:])
	var err error
	x.User, err = scanUser(also{row, []any{&created, &seen}})
	none := fault.New("desk.session", "log in again", "nobody is logged in here")
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, none
	}
	if err != nil {
		return Session{}, s.fail(err)
	}
	x.Created, x.Seen = fromMillis(created), fromMillis(seen)
	now := s.now()
	if now.Sub(x.Seen) >= idle || now.Sub(x.Created) >= whole {
		return Session{}, errors.Join(none, s.expire(ctx, now.Add(-idle), now.Add(-whole)))
	}
	return x, nil
}

// SessionThere reports whether there is a session of the cookie, and notes no request.
func (s *Store) SessionThere(ctx context.Context, digest [32]byte, idle, whole time.Duration) (bool, error) {
	var n int
	now := s.now()
	err := s.db.QueryRowContext(ctx, "SELECT count(*) FROM desk_sessions s JOIN desk_users u ON u.id = s.person WHERE s.digest = ? AND s.seen > ? AND s.created > ? AND u.removed = 0",
		digest[:], now.Add(-idle).UnixMilli(), now.Add(-whole).UnixMilli()).Scan(&n)
	return n == 1, s.fail(err)
}

// also scans further columns behind those that a function knows.
type also struct {
	row  scanner
	more []any
}

func (a also) Scan(to ...any) error { return a.row.Scan(append(to, a.more...)...) }

func (s *Store) expire(ctx context.Context, seen, created time.Time) error {
	return s.writeBeside(ctx, func(t *tx) error {
		_, err := t.exec("DELETE FROM desk_sessions WHERE seen <= ? OR created <= ?", seen.UnixMilli(), created.UnixMilli())
		return err
	})
}

// LogOut ends the session of a cookie.
func (s *Store) LogOut(ctx context.Context, digest [32]byte) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM desk_sessions WHERE digest = ?", digest[:])
		if err != nil || n == 0 {
			return err
		}
		return t.audit("desk.logout", bundle.ID{}, "", "", "")
	})
}

// Passkey is a WebAuthn credential of a user.
type Passkey struct {
	ID               []byte
	User, Name, Host string
	Credential       string // JSON of go-webauthn
	Created, Used    time.Time
}

// AddPasskey keeps a new passkey.
func (s *Store) AddPasskey(ctx context.Context, p Passkey) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("INSERT INTO desk_passkeys (id, person, name, host, credential, created, used) VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
			p.ID, p.User, p.Name, p.Host, p.Credential, t.at.UnixMilli())
		if err == nil && n == 0 {
			err = fault.New("desk.passkey", "use another one", "this passkey is known already")
		}
		if err != nil {
			return err
		}
		return t.audit("desk.passkey.add", bundle.ID{}, "", "", p.Name)
	})
}

// Passkeys lists those of a user, oldest first.
func (s *Store) Passkeys(ctx context.Context, user string) ([]Passkey, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, person, name, host, credential, created, used FROM desk_passkeys WHERE person = ? ORDER BY created, id", user)
	list, err := all(rows, err, func(from scanner) (p Passkey, err error) {
		var created, used int64
		err = from.Scan(&p.ID, &p.User, &p.Name, &p.Host, &p.Credential, &created, &used)
		p.Created, p.Used = fromMillis(created), fromMillis(used)
		return p, err
	})
	return list, s.fail(err)
}

// UsedPasskey keeps the counter of a passkey that was just used. One that is not
// there any more is desk.login.
func (s *Store) UsedPasskey(ctx context.Context, id []byte, credential string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE desk_passkeys SET credential = ?, used = ? WHERE id = ?", credential, t.at.UnixMilli(), id)
		if err == nil && n == 0 {
			err = fault.New("desk.login", "", "the passkey was removed meanwhile")
		}
		return err
	})
}

// RemovePasskey forgets a passkey of the user. Their sessions end, but the one that
// asks: somebody else may have been let in by it.
func (s *Store) RemovePasskey(ctx context.Context, user string, id []byte, keep [32]byte) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM desk_passkeys WHERE id = ? AND person = ?", id, user)
		if err == nil && n > 0 {
			err = t.endOthers(user, keep)
		}
		if err != nil || n == 0 {
			return err
		}
		return t.audit("desk.passkey.remove", bundle.ID{}, "", "", "")
	})
}

// PutTicket keeps something for the next request of who was given the ticket with
// the SHA-256; desk.once if there is one of it. Old ones are deleted.
func (s *Store) PutTicket(ctx context.Context, digest [32]byte, kind, data string, until time.Time) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM desk_tickets WHERE until <= ?", t.at.UnixMilli()); err != nil {
			return err
		}
		n, err := t.exec("INSERT INTO desk_tickets (digest, kind, data, until) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", digest[:], kind, data, until.UnixMilli())
		if err == nil && n == 0 {
			err = fault.New("desk.once", "look whether it is there", "this was sent already")
		}
		return err
	})
}

// TakeTicket gives what was kept, once; else desk.ticket.
func (s *Store) TakeTicket(ctx context.Context, digest [32]byte, kind string) (data string, err error) {
	err = s.write(ctx, func(t *tx) error {
		err := t.row("SELECT data FROM desk_tickets WHERE digest = ? AND kind = ? AND until > ?", digest[:], kind, t.at.UnixMilli()).Scan(&data)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New("desk.ticket", "begin again", "this took too long, or was done already")
		}
		if err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM desk_tickets WHERE digest = ?", digest[:])
		return err
	})
	return data, err
}

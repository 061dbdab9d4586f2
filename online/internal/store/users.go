package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// User is somebody who may log in at the desk.
type User struct {
	ID         string // 16 random bytes, hex
	Name, Role string
	Password   string    // as package account keeps it; "" none
	TOTP       []byte    // secret of the second factor, or empty
	Step       int64     // of the last code taken
	Failures   int       // in a row
	Locked     time.Time // until when no password is looked at; see Barred
	EnrolUntil time.Time // until when the enrolment code is taken; zero: there is none
	Created    time.Time
	Removed    time.Time // zero while the user may log in
}

const (
	lockAfter = 5           // wrong passwords in a row
	lockFirst = time.Minute // then twice that, and so on
	lockMost  = time.Hour
	barred    = 1 << 52 // Unix milliseconds: a lock of an administrator, not of wrong passwords
)

// Barred reports whether an administrator has locked the user: until that is taken
// back nothing logs them in.
func (u User) Barred() bool { return u.Locked.UnixMilli() >= barred }

const userColumns = "u.id, u.name, u.role, u.password, u.totp, u.step, u.failures, u.locked, u.enrol_until, u.created, u.removed"

func scanUser(from scanner) (u User, err error) {
	var locked, until, created, removed int64
	err = from.Scan(&u.ID, &u.Name, &u.Role, &u.Password, &u.TOTP, &u.Step, &u.Failures, &locked, &until, &created, &removed)
	u.Locked, u.EnrolUntil, u.Created, u.Removed = fromMillis(locked), fromMillis(until), fromMillis(created), fromMillis(removed)
	return u, err
}

// CreateUser makes a user who has nothing to log in with yet, but an enrolment
// code of the given SHA-256, until it expires.
func (s *Store) CreateUser(ctx context.Context, name, role string, code [32]byte, until time.Time) (u User, err error) {
	var id [16]byte
	rand.Read(id[:])
	err = s.write(ctx, func(t *tx) error {
		var n int
		if err := t.row("SELECT count(*) FROM desk_users WHERE name = ? AND removed = 0", name).Scan(&n); err != nil {
			return err
		}
		if n != 0 {
			return fault.New("desk.exists", "reset that one, or take another name", "there is a user %s already", quote.Line(name))
		}
		if _, err := t.exec(`INSERT INTO desk_users (id, name, role, password, totp, step, failures, locked, enrol, enrol_until, created, removed)
 VALUES (?, ?, ?, '', ?, 0, 0, 0, ?, ?, ?, 0)`, hex.EncodeToString(id[:]), name, role, []byte{}, code[:], until.UnixMilli(), t.at.UnixMilli()); err != nil {
			return err
		}
		if err := t.audit("desk.user.create", bundle.ID{}, "", "", name+" "+role); err != nil {
			return err
		}
		u, err = scanUser(t.row("SELECT "+userColumns+" FROM desk_users u WHERE u.id = ?", hex.EncodeToString(id[:])))
		return err
	})
	return u, err
}

// Users lists those who may log in, by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+userColumns+" FROM desk_users u WHERE u.removed = 0 ORDER BY u.name")
	list, err := all(rows, err, scanUser)
	return list, s.fail(err)
}

// UserNamed gives the user of a name, or desk.missing.
func (s *Store) UserNamed(ctx context.Context, name string) (User, error) {
	u, err := known(s.db.QueryRowContext(ctx, "SELECT "+userColumns+" FROM desk_users u WHERE u.name = ? AND u.removed = 0", name), name)
	return u, s.fail(err)
}

// UserOf gives a user by id, or desk.missing.
func (s *Store) UserOf(ctx context.Context, id string) (User, error) {
	u, err := known(s.db.QueryRowContext(ctx, "SELECT "+userColumns+" FROM desk_users u WHERE u.id = ? AND u.removed = 0", id), id)
	return u, s.fail(err)
}

func known(row *sql.Row, name string) (User, error) {
	u, err := scanUser(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New("desk.missing", "", "there is no user %s", quote.Line(name))
	}
	return u, err
}

// Enrollee gives the user whose enrolment code has the SHA-256, or desk.code.
func (s *Store) Enrollee(ctx context.Context, code [32]byte) (User, error) {
	u, err := enrollee(s.db.QueryRowContext(ctx, enrolled, code[:], s.now().UnixMilli()))
	return u, s.fail(err)
}

const enrolled = "SELECT " + userColumns + " FROM desk_users u WHERE u.enrol = ? AND u.enrol_until > ? AND u.removed = 0"

func enrollee(row *sql.Row) (User, error) {
	u, err := scanUser(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New("desk.code", "ask an administrator for a new one", "the enrolment code is wrong, used or too old")
	}
	return u, err
}

// Enrol uses the enrolment code up: from now on the user logs in with this.
func (s *Store) Enrol(ctx context.Context, code [32]byte, password string, totp []byte, step int64) (u User, err error) {
	err = s.write(ctx, func(t *tx) error {
		if u, err = enrollee(t.row(enrolled, code[:], t.at.UnixMilli())); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE desk_users SET password = ?, totp = ?, step = ?, failures = 0, locked = 0, enrol = ?, enrol_until = 0 WHERE id = ?",
			password, blob(totp), step, []byte{}, u.ID); err != nil {
			return err
		}
		return t.audit("desk.user.enrol", bundle.ID{}, "", "", u.Name)
	})
	return u, err
}

// ResetUser takes everything away that the user logs in with, ends all sessions,
// and sets an enrolment code.
func (s *Store) ResetUser(ctx context.Context, id string, code [32]byte, until time.Time) error {
	return s.changeUser(ctx, id, "desk.user.reset", "", everything(), func(t *tx) error {
		_, err := t.exec("UPDATE desk_users SET password = '', totp = ?, step = 0, failures = 0, locked = 0, enrol = ?, enrol_until = ? WHERE id = ?",
			[]byte{}, code[:], until.UnixMilli(), id)
		return err
	})
}

// RemoveUser ends a user for ever. The name may be another's later.
func (s *Store) RemoveUser(ctx context.Context, id string) error {
	return s.changeUser(ctx, id, "desk.user.remove", "", everything(), func(t *tx) error {
		_, err := t.exec("UPDATE desk_users SET password = '', totp = ?, enrol = ?, enrol_until = 0, removed = ? WHERE id = ?", []byte{}, []byte{}, t.at.UnixMilli(), id)
		return err
	})
}

// LockUser ends a user's sessions, and lets nothing log them in until UnlockUser.
// Password and passkeys stay, an enrolment code that was not used does not.
func (s *Store) LockUser(ctx context.Context, id string) error {
	return s.changeUser(ctx, id, "desk.user.lock", "", sessions(), func(t *tx) error {
		_, err := t.exec("UPDATE desk_users SET locked = ?, enrol = ?, enrol_until = 0 WHERE id = ?", int64(barred), []byte{}, id)
		return err
	})
}

// UnlockUser takes back what LockUser or wrong passwords have locked.
func (s *Store) UnlockUser(ctx context.Context, id string) error {
	return s.changeUser(ctx, id, "desk.user.unlock", "", nil, func(t *tx) error {
		_, err := t.exec("UPDATE desk_users SET locked = 0, failures = 0 WHERE id = ?", id)
		return err
	})
}

// SetRole gives a user another role. Their sessions end.
func (s *Store) SetRole(ctx context.Context, id, role string) error {
	return s.changeUser(ctx, id, "desk.user.role", role, sessions(), func(t *tx) error {
		_, err := t.exec("UPDATE desk_users SET role = ? WHERE id = ?", role, id)
		return err
	})
}

// Login is what a user logs in with from now on.
type Login struct {
	Proof    int64    // step of the code that proved who asks: none is taken twice
	Password string   // as package account keeps it; "" as it was
	TOTP     []byte   // nil as it was
	Step     int64    // of the first code of a new TOTP
	Keep     [32]byte // SHA-256 of the cookie of the session that asks
}

// ChangeLogin is a user's own change. All their sessions end but the one that asks.
func (s *Store) ChangeLogin(ctx context.Context, id string, l Login) error {
	return s.write(ctx, func(t *tx) error {
		u, err := known(t.row("SELECT "+userColumns+" FROM desk_users u WHERE u.id = ? AND u.removed = 0", id), id)
		if err != nil {
			return err
		}
		if u.Password == "" || u.Barred() || l.Proof <= u.Step {
			return fault.New("desk.login", "", "the code was used before, or the user was changed meanwhile")
		}
		detail := u.Name
		if l.Password == "" {
			l.Password = u.Password
		} else {
			detail += " password"
		}
		if l.TOTP == nil {
			l.TOTP, l.Step = u.TOTP, l.Proof
		} else {
			detail += " code"
		}
		if _, err := t.exec("UPDATE desk_users SET password = ?, totp = ?, step = ?, failures = 0, locked = 0 WHERE id = ?", l.Password, blob(l.TOTP), l.Step, id); err != nil {
			return err
		}
		if err := t.endOthers(id, l.Keep); err != nil {
			return err
		}
		return t.audit("desk.user.login", bundle.ID{}, "", "", detail)
	})
}

// endOthers ends the sessions of a user but one: whoever has got into another is out.
func (t *tx) endOthers(id string, keep [32]byte) error {
	_, err := t.exec("DELETE FROM desk_sessions WHERE person = ? AND digest <> ?", id, keep[:])
	return err
}

func sessions() []string   { return []string{"desk_sessions"} }
func everything() []string { return []string{"desk_sessions", "desk_passkeys"} }

// changeUser changes a user; what they have in the tables ends with it.
func (s *Store) changeUser(ctx context.Context, id, action, detail string, ends []string, change func(*tx) error) error {
	return s.write(ctx, func(t *tx) error {
		u, err := known(t.row("SELECT "+userColumns+" FROM desk_users u WHERE u.id = ? AND u.removed = 0", id), id)
		if err != nil {
			return err
		}
		if err := change(t); err != nil {
			return err
		}
		for _, table := range ends {
			if _, err := t.exec("DELETE FROM "+table+" WHERE person = ?", id); err != nil {
				return err
			}
		}
		return t.audit(action, bundle.ID{}, "", "", strings.TrimSpace(u.Name+" "+detail))
	})
}

// Wrong notes a login that failed. After five in a row no password of the user is
// looked at for a minute, then for two, and so on up to an hour.
func (s *Store) Wrong(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		u, err := known(t.row("SELECT "+userColumns+" FROM desk_users u WHERE u.id = ? AND u.removed = 0", id), id)
		if err != nil {
			return err
		}
		u.Failures++
		if over := u.Failures - lockAfter; over >= 0 && !u.Barred() {
			u.Locked = t.at.Add(min(lockFirst<<min(over, 10), lockMost))
		}
		if _, err := t.exec("UPDATE desk_users SET failures = ?, locked = ? WHERE id = ?", u.Failures, toMillis(u.Locked), id); err != nil {
			return err
		}
		return t.audit("desk.login.wrong", bundle.ID{}, "", "", u.Name)
	})
}

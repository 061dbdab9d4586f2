// Package fault carries the errors that a person or a program acts on: a
// stable code, one sentence that says what happened, and the cure.
//
// The code is part of the product's interface: scripts match on it, so a code
// that has been released never changes its meaning. Codes are lower case
// words joined by dots, the noun first: "bundle.signature", "keystore.passphrase".
package fault

import (
	"errors"
	"fmt"
)

// Error is a refusal or failure with a stable code.
type Error struct {
	Code string // e.g. "bundle.replay"
	What string // what happened, lower case, no full stop
	Cure string // what to do about it; may be empty
	err  error  // the cause, for errors.Is; never printed twice
}

// New makes an Error. Text from outside must be formatted with %q or passed
// through package quote.
func New(code, cure, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, What: err.Error(), Cure: cure, err: errors.Unwrap(err)}
}

// Error gives what happened and, when known, the cure, on one line.
func (e *Error) Error() string {
	if e.Cure == "" {
		return e.What
	}
	return e.What + "; " + e.Cure
}

// Unwrap gives the cause named with %w, if any.
func (e *Error) Unwrap() error { return e.err }

// Code gives the code of the first Error in err's chain, or "internal".
func Code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return "internal"
}

// Is reports whether err carries the given code.
func Is(err error, code string) bool { return err != nil && Code(err) == code }

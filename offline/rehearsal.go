package main

import (
	"fmt"
	"slices"

	"coldsign/offline/internal/keystore"
	"coldsign/shared/fault"
)

const rehearsalLine = "REHEARSAL: test networks only; no real half takes anything from here"

// rehearse has the first line of every screen say that this is a rehearsal.
func (a *app) rehearse(ks *keystore.Keystore) {
	if !ks.Rehearsal() || slices.Contains(a.loud, rehearsalLine) {
		return
	}
	a.loud = slices.Insert(a.loud, 0, rehearsalLine)
	if a.con.Terminal() {
		fmt.Fprintln(a.con.Err, rehearsalLine)
	}
}

// practice begins what is written down in a rehearsal.
func (s *session) practice() string {
	if s.ks.Rehearsal() {
		return "REHEARSAL: "
	}
	return ""
}

// marked refuses what carries the mark of a rehearsal to a real home, and what does not
// carry it to a rehearsal.
func marked(what string, rehearsal, home bool) error {
	switch {
	case rehearsal && !home:
		return fault.New("rehearsal.mark", "use it in a home of \"init --rehearsal\"", "this %s is of a rehearsal, and this home is not", what)
	case !rehearsal && home:
		return fault.New("rehearsal.mark", "rehearse with what was made for a rehearsal", "this home is a rehearsal, and this %s is not of one", what)
	}
	return nil
}

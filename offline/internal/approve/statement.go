package approve

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Statement is what an approval of a batch says. Its text is the same for the same
// batch and end, wherever it is made:
//
//	coldsign approval 1                 or coldsign rehearsal approval 1
//	device 8d4f...                      the offline half that shall sign
//	bundle 0f3a...                      SHA-256 of the request bundle
//	words abandon ability ...           of that digest, as the review shows them
//	sequence 7
//	policy treasury version 4 51ab...   name, version and SHA-256 of the policy in force
//	book 90d2...                        SHA-256 of the address book in force; no line without one
//	tokens 3bfe...                      and of the token registry
//	verdicts 77c1...                    SHA-256 of what the policy says of each request
//	totals
//	  TOTALS of the 3 requests ...      as the review shows them
//	expires 1767312000 2026-01-02T00:00:00Z
type Statement struct {
	Device   string
	Bundle   [32]byte
	Words    string
	Sequence uint64
	Policy   string
	Version  uint64
	Rules    [32]byte // SHA-256 of the policy file
	Book     [32]byte // of the address book, zero for none
	Tokens   [32]byte // of the token registry, zero for none
	Verdicts [32]byte
	Totals   []string
	Expires  int64 // Unix seconds

	Rehearsal bool
}

const first, firstOfRehearsal = "coldsign approval 1", "coldsign rehearsal approval 1"

func (s Statement) first() string {
	if s.Rehearsal {
		return firstOfRehearsal
	}
	return first
}

// Text gives the statement as it is signed: printable ASCII.
func (s Statement) Text() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { b.WriteString(quote.Line(fmt.Sprintf(format, args...)) + "\n") }
	line("%s", s.first())
	line("device %s", s.Device)
	line("bundle %x", s.Bundle)
	line("words %s", s.Words)
	line("sequence %d", s.Sequence)
	line("policy %s version %d %x", quote.Line(s.Policy), s.Version, s.Rules)
	if s.Book != [32]byte{} {
		line("book %x", s.Book)
	}
	if s.Tokens != [32]byte{} {
		line("tokens %x", s.Tokens)
	}
	line("verdicts %x", s.Verdicts)
	line("totals")
	for _, t := range s.Totals[:min(len(s.Totals), maxTotals)] {
		line("  %.250s", t)
	}
	if n := len(s.Totals) - maxTotals; n > 0 {
		line("  and %d lines more: see the review", n)
	}
	line("expires %d %s", s.Expires, time.Unix(s.Expires, 0).UTC().Format(time.RFC3339))
	return b.Bytes()
}

// Check gives the end of text when it is this very statement but for that end, which
// must lie ahead of now and no more than MaxLife. What differs first names the error:
// approve.device, .bundle, .sequence, .policy, .book, .tokens, .verdicts, .totals,
// .expired, .format.
func (s Statement) Check(text []byte, now int64) (end int64, err error) {
	if len(text) > MaxStatement {
		return 0, badStatement("it is too long")
	}
	lines := strings.Split(string(text), "\n")
	if other := lines[0]; other != s.first() && (other == first || other == firstOfRehearsal) {
		return 0, fault.New("rehearsal.mark", "", "an approval of a rehearsal is good in a rehearsal, and nowhere else")
	}
	if lines[0] != s.first() || len(lines) < 3 {
		return 0, badStatement("it does not begin as one does")
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(lines[len(lines)-2], "expires "), " ")
	end, err = strconv.ParseInt(number, 10, 40)
	if err != nil || end < 0 {
		return 0, badStatement("it does not end as one does")
	}
	s.Expires = end
	want := s.Text()
	if !bytes.Equal(text, want) {
		return 0, differs(lines, strings.Split(string(want), "\n"))
	}
	switch {
	case end <= now:
		err = fault.New("approve.expired", "have it approved again", "the approval ended %s", time.Unix(end, 0).UTC().Format(time.RFC3339))
	case end > now+MaxLife:
		err = fault.New("approve.expired", "have it approved again, and check this machine's clock", "the approval would hold for more than %d days", MaxLife/86400)
	}
	return end, err
}

// differs names the first line that is not what was to be approved.
func differs(have, want []string) error {
	for i := range min(len(have), len(want)) {
		if have[i] == want[i] {
			continue
		}
		const cure = "make the statement again with \"approve\", and have it signed again"
		word, _, _ := strings.Cut(want[i], " ")
		if has, _, _ := strings.Cut(have[i], " "); word == "verdicts" && (has == "book" || has == "tokens") {
			word = has // there was one then, and is none now
		}
		switch word {
		case "device", "bundle", "sequence", "verdicts", "policy", "book", "tokens":
			return fault.New("approve."+word, cure, "the approval is about something else, by its %s: %s, not %s", word, quote.String(short(have[i])), quote.String(short(want[i])))
		}
		if strings.HasPrefix(want[i], "  ") {
			return fault.New("approve.totals", cure, "the approval is about other totals")
		}
		break
	}
	return badStatement("a line is not as it must be")
}

func short(s string) string { return s[:min(len(s), 160)] }

func badStatement(why string) error {
	return fault.New("approve.format", "make it again with \"approve\"", "this is no statement of an approval: %s", why)
}

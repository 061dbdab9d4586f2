package frame

import (
	"bytes"
	"fmt"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/frame/native"
	"coldsign/shared/quote"
)

// Progress says how far a message is.
type Progress struct {
	Format     Format
	Type       string // as Message has it
	Name       string // of the message, to tell two apart
	Have, Need int    // independent pieces: all of them are there when the two are equal
	Bytes      int    // that the pieces carry when all are there, 0 if not known
	Resets     int    // times that all was there and did not fit together

	missing func() string
}

// Missing lists the pieces that were not seen themselves: "0-3,7".
func (p Progress) Missing() string {
	if p.missing == nil {
		return ""
	}
	return p.missing()
}

// Event is what one code brought.
type Event struct {
	Message  *Message // whole now
	Progress Progress // of the message that the code is a part of; Need is 0 for none
	Note     string   // what else is in view, in words; each is told once
}

// Joiner puts messages together from the contents of codes, in any order, several
// at once. It is for one goroutine.
type Joiner struct {
	wanted func(Message) error // of format and type: nil when it is of use
	native *native.Decoder
	texts  []dialect
	noted  map[string]bool
}

// dialect reads the texts of one format.
type dialect interface {
	is(text string) bool
	add(text string) (Event, error)
	save() ([]byte, error)
	restore([]byte) error
}

// NewJoiner makes a Joiner. wanted is asked with the format and type of what is in
// view, before its data are there; what is of no use is named, and passed over.
func NewJoiner(wanted func(Message) error) *Joiner {
	return &Joiner{
		wanted: wanted, native: native.NewDecoder(native.Limits{Memory: maxMemory}),
		texts: dialects(), noted: map[string]bool{},
	}
}

// Add takes the content of one code. It never fails: what is of no use is a Note.
func (j *Joiner) Add(content []byte) Event {
	if native.IsFrame(content) {
		return j.addNative(content)
	}
	text := strings.TrimSpace(string(content))
	if len(text) > maxText {
		return j.note("a code of %d characters, more than any of ours", len(text))
	}
	for _, d := range j.texts {
		if !d.is(text) {
			continue
		}
		e, err := d.add(text)
		if err != nil {
			return j.note("%s", quote.Line(err.Error()))
		}
		return j.fit(e)
	}
	if isPSBT(text) {
		return j.fit(Event{Message: &Message{Format: Plain, Data: unwrap([]byte(text))}, Progress: Progress{Format: Plain, Have: 1, Need: 1}})
	}
	return j.note("%s, which is no part of a message", kind(text))
}

// fit passes over what is of no use.
func (j *Joiner) fit(e Event) Event {
	m := Message{Format: e.Progress.Format, Type: e.Progress.Type}
	if e.Message != nil {
		m = *e.Message
	}
	if j.wanted == nil {
		return e
	}
	if err := j.wanted(Message{Format: m.Format, Type: m.Type}); err != nil {
		return j.note("%s", quote.Line(err.Error()))
	}
	return e
}

func (j *Joiner) addNative(content []byte) Event {
	p, err := j.native.Add(content)
	e := Event{Progress: Progress{Format: Native, Name: p.ID.String(), Have: p.Rank, Need: p.K, Bytes: p.Length, Resets: p.Resets, missing: func() string { return j.native.Missing(p.ID) }}}
	switch {
	case fault.Is(err, "frame.poisoned"):
		e.Note = j.note("%s", err.Error()).Note
		return e
	case err != nil:
		return j.note("%s", quote.Line(err.Error()))
	}
	if p.Object == nil {
		return j.fit(e)
	}
	e.Message = &Message{Format: Native, Data: p.Object}
	return j.fit(e)
}

// note tells a thing once, and after many things none.
func (j *Joiner) note(format string, args ...any) Event {
	s := fmt.Sprintf(format, args...)
	if j.noted[s] || len(j.noted) >= maxNotes {
		return Event{}
	}
	j.noted[s] = true
	return Event{Note: s}
}

// kind names a text that is no part of a message, without repeating it whole.
func kind(text string) string {
	lower := strings.ToLower(text)
	scheme, _, ok := strings.Cut(lower, ":")
	switch {
	case text == "":
		return "an empty code"
	case strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://"):
		return "a web address"
	case ok && len(scheme) < 16 && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == "":
		return "a code that begins " + quote.String(scheme+":")
	case bytes.ContainsFunc([]byte(text), func(r rune) bool { return r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r == 0xfffd }):
		return fmt.Sprintf("a code of %d bytes that are no text", len(text))
	}
	return "a text " + quote.String(text[:min(len(text), 24)])
}

package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/frame/bbqr"
	"coldsign/shared/frame/parts"
	"coldsign/shared/frame/ur"
)

// dialects are the formats of text, in the order in which a text is tried.
func dialects() []dialect {
	return []dialect{&urTexts{ur.NewDecoder(ur.Limits{})}, &bbqrTexts{}, &partTexts{}}
}

type urTexts struct{ d *ur.Decoder }

func (u *urTexts) is(text string) bool        { return ur.Is(text) }
func (u *urTexts) save() ([]byte, error)      { return u.d.Save(), nil }
func (u *urTexts) restore(state []byte) error { return u.d.Restore(state) }

func (u *urTexts) add(text string) (Event, error) {
	p, err := u.d.Add(text)
	if p.K == 0 {
		return Event{}, err
	}
	e := Event{Progress: Progress{
		Format: UR, Type: p.Type, Name: fmt.Sprintf("%s %d %08x", p.Type, p.Length, p.Checksum),
		Have: p.Rank, Need: p.K, Bytes: p.Length, Resets: p.Resets,
	}}
	if err != nil {
		return e, err
	}
	e.Progress.missing = func() string { return list(u.d.Missing(p.ID)) }
	if p.Message != nil {
		e.Message = &Message{Format: UR, Type: p.Type, Data: p.Message}
	}
	return e, nil
}

// list writes numbers for people, the first of them if they are many.
func list[T any](numbers []T) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers[:min(len(numbers), 40)]), " ", ","), "[]")
}

type bbqrTexts struct{ d bbqr.Decoder }

func (b *bbqrTexts) is(text string) bool        { return bbqr.IsPart(text) }
func (b *bbqrTexts) save() ([]byte, error)      { return b.d.Save() }
func (b *bbqrTexts) restore(state []byte) error { return b.d.Restore(state) }

func (b *bbqrTexts) add(text string) (Event, error) {
	p, err := b.d.Add(text)
	if err != nil {
		return Event{}, err
	}
	e := Event{Progress: series(BBQr, p.Progress, &b.d.Collector)}
	e.Progress.Type = string(p.Kind)
	if p.Data != nil {
		e.Message = &Message{Format: BBQr, Type: string(p.Kind), Data: p.Data}
	}
	return e, nil
}

type partTexts struct{ c parts.Collector }

func (t *partTexts) is(text string) bool {
	_, err := parts.Parse(text)
	return err == nil
}
func (t *partTexts) save() ([]byte, error)      { return t.c.Save() }
func (t *partTexts) restore(state []byte) error { return t.c.Restore(state) }

func (t *partTexts) add(text string) (Event, error) {
	part, err := parts.Parse(text)
	if err != nil {
		return Event{}, err
	}
	p, err := t.c.Add(part)
	if err != nil {
		return Event{}, err
	}
	e := Event{Progress: series(Parts, p, &t.c)}
	if p.Parts != nil {
		e.Message = &Message{Format: Parts, Data: unwrap(bytes.Join(p.Parts, nil))}
	}
	return e, nil
}

// series is the progress of numbered parts, which people count from 1.
func series(f Format, p parts.Progress, c *parts.Collector) Progress {
	return Progress{Format: f, Name: p.Series, Have: p.Have, Need: p.Total, missing: func() string {
		numbers := c.Missing(p.Series)
		for i := range numbers {
			numbers[i]++
		}
		return list(numbers)
	}}
}

// stateMagic opens a saved scan.
const stateMagic = "coldsign scan 1\n"

// Save gives all that is held of messages that are not whole, for Restore: the
// states of the formats one after the other, each behind its length.
func (j *Joiner) Save() ([]byte, error) {
	b := []byte(stateMagic)
	put := func(s []byte) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
	put(j.native.Save())
	for _, d := range j.texts {
		s, err := d.save()
		if err != nil {
			return nil, err
		}
		put(s)
	}
	return b, nil
}

// Restore goes on where Save was called; every piece is checked again. What
// cannot be read is frame.state, and may leave the other formats restored.
func (j *Joiner) Restore(state []byte) error {
	bad := fault.New("frame.state", "scan again from the start", "the kept scan is damaged or of another version")
	rest, ok := strings.CutPrefix(string(state), stateMagic)
	if !ok {
		return bad
	}
	restore := []func([]byte) error{j.native.Restore}
	for _, d := range j.texts {
		restore = append(restore, d.restore)
	}
	for _, f := range restore {
		if len(rest) < 4 {
			return bad
		}
		n := int(binary.BigEndian.Uint32([]byte(rest)))
		if rest = rest[4:]; n > len(rest) {
			return bad
		}
		if err := f([]byte(rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if rest != "" {
		return bad
	}
	return nil
}

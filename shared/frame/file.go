package frame

import (
	"bytes"
	"strings"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// FromFile takes a file for a message: a bundle, a PSBT in binary, base64 or hex,
// or text lines with the contents of codes. What is none of these is given as a
// bundle, whose reader says what is wrong with it.
func FromFile(raw []byte) (Message, error) {
	if bytes.HasPrefix(raw, []byte(psbtMagic)) {
		return Message{Format: Plain, Data: raw}, nil
	}
	if len(raw) > maxTextFile || !quote.Plain(string(raw[:min(len(raw), 16)])) {
		return Message{Format: Native, Data: raw}, nil
	}
	j := NewJoiner(nil)
	var e Event
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if e = j.Add([]byte(line)); e.Message != nil {
			return *e.Message, nil
		}
	}
	if p := e.Progress; p.Need > 0 {
		return Message{}, fault.New("scan.incomplete", "give all parts, one on each line", "%d of %d pieces are in the file", p.Have, p.Need)
	}
	return Message{Format: Native, Data: raw}, nil
}

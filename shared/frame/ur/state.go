package ur

import (
	"strings"

	"coldsign/shared/fault"
)

// Save gives all that is held of messages that are not whole, for Restore: URs,
// one a line. What was given out is not in it.
func (d *Decoder) Save() []byte {
	var b []byte
	for _, s := range d.sessions {
		for _, text := range s.texts {
			b = append(append(b, text...), '\n')
		}
	}
	return b
}

// Restore goes on where Save was called: the parts are checked as if they came
// from a camera, within the limits of this decoder. After an error (frame.state)
// the decoder is as it was.
func (d *Decoder) Restore(state []byte) error {
	fresh := NewDecoder(d.limits)
	for line := range strings.Lines(string(state)) {
		// A whole message is never saved, so a part that completes one is no state.
		if p, err := fresh.Add(strings.TrimSuffix(line, "\n")); err != nil || p.Done {
			return fault.New("frame.state", "delete it and scan from the start", "the saved scan is damaged")
		}
	}
	d.sessions, d.done = fresh.sessions, fresh.done
	return nil
}

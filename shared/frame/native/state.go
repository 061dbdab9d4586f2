package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"coldsign/shared/fault"
)

const stateMagic = "coldsign scan v1"

// Save gives all frames that are held, for Restore. What was given out is not in
// it: the frames of a finished object are gone.
func (d *Decoder) Save() []byte {
	size := len(stateMagic) + sha256.Size
	for _, s := range d.sessions {
		size += len(s.held) * (2 + overhead + s.size)
	}
	b := append(make([]byte, 0, size), stateMagic...)
	for _, s := range d.sessions {
		for _, number := range slices.Sorted(maps.Keys(s.held)) {
			frame := s.frame(number, s.held[number])
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(frame))), frame...)
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// Restore goes on where Save was called: the frames are checked as if they came
// from a camera, within the limits of this decoder. After an error (frame.state)
// the decoder is as it was.
func (d *Decoder) Restore(state []byte) error {
	bad := fault.New("frame.state", "delete it and scan from the start", "the saved scan is damaged")
	body := len(state) - sha256.Size
	if body < len(stateMagic) || string(state[:len(stateMagic)]) != stateMagic {
		return bad
	}
	if sum := sha256.Sum256(state[:body]); !bytes.Equal(sum[:], state[body:]) {
		return bad
	}
	fresh := NewDecoder(d.limits)
	for rest := state[len(stateMagic):body]; len(rest) > 0; {
		if len(rest) < 2 {
			return bad
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; len(rest) < n {
			return bad
		}
		// A whole object is never saved, so one that becomes whole is no state.
		if p, err := fresh.Add(rest[:n]); err != nil || p.Done {
			return bad
		}
		rest = rest[n:]
	}
	d.sessions, d.done = fresh.sessions, fresh.done
	return nil
}

package parts

import (
	"bytes"
	"crypto/sha256"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/fault"
)

const stateMagic = "coldsign parts v1"

// Save gives all parts of series that are not done, for Restore.
func (c *Collector) Save() ([]byte, error) {
	var held []Part
	for _, s := range c.all {
		for i, d := range s.data {
			if d != nil && !s.done {
				held = append(held, Part{s.name, i, len(s.data), d})
			}
		}
	}
	body, err := cbor.Marshal(held)
	return seal(body), err
}

func seal(body []byte) []byte {
	state := append([]byte(stateMagic), body...)
	sum := sha256.Sum256(state)
	return append(state, sum[:]...)
}

// Restore goes on where Save was called; each part is checked as if it had just
// been read. After an error (parts.state) the collector is as it was.
func (c *Collector) Restore(state []byte) error {
	bad := fault.New("parts.state", "delete it and scan from the start", "the saved scan is damaged")
	end := len(state) - sha256.Size
	if end < len(stateMagic) || len(state) > maxState || !bytes.Equal(seal(state[len(stateMagic):end]), state) {
		return bad
	}
	var held []Part
	if cbor.Unmarshal(state[len(stateMagic):end], &held) != nil {
		return bad
	}
	var fresh Collector
	for _, p := range held {
		if out, err := fresh.Add(p); err != nil || out.Done {
			return bad
		}
	}
	*c = fresh
	return nil
}

package interop

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"coldsign/shared/frame/ur"
)

// Reducer is the decoder of @ngraveio/bc-ur, to be compared with ours on the
// same losses. It is one of the codes of scripts/optics/codes.
type Reducer struct{ *Oracle }

// Name names it in a table.
func (Reducer) Name() string { return "bc-ur reducer" }

// Needed gives the number of parts shown, from part start+1 on, until the
// reference has a message of k pieces. The reader sees part start+i+1 if
// received(i).
func (r Reducer) Needed(k int, received func(i int) bool, start int) int {
	parts, at := Shown(k, received, start, 12*k+50)
	var got struct {
		Type, CBOR string
		Used       int
	}
	if err := r.Ask(Question{"do": "collect", "parts": parts}, &got); err != nil {
		panic(fmt.Errorf("%d pieces: %w", k, err))
	}
	if got.CBOR != hex.EncodeToString(message(k)) {
		panic(errors.New("the reference has another message"))
	}
	return at[got.Used-1] + 1
}

// Eliminator is shared/frame/ur, for the same table.
type Eliminator struct{}

// Name names it in a table.
func (Eliminator) Name() string { return "UR, ours" }

// Needed is as that of Reducer.
func (Eliminator) Needed(k int, received func(i int) bool, start int) int {
	parts, at := Shown(k, received, start, 12*k+50)
	d := ur.NewDecoder(ur.Limits{})
	for i, text := range parts {
		p, err := d.Add(text)
		if err != nil {
			panic(err)
		}
		if p.Done && !bytes.Equal(p.Message, message(k)) {
			panic(errors.New("another message"))
		}
		if p.Done {
			return at[i] + 1
		}
	}
	panic(fmt.Errorf("%d parts are not enough for %d pieces", len(parts), k))
}

// Shown gives which of the first n parts a reader sees, and their places.
func Shown(k int, received func(i int) bool, start, n int) (parts []string, at []int) {
	e, err := ur.NewEncoder("bytes", message(k), ur.MinFragment)
	if err != nil {
		panic(err)
	}
	for i := range n {
		if received(i) {
			parts, at = append(parts, e.Part(uint32(start+i+1))), append(at, i)
		}
	}
	return parts, at
}

// message is cut into k pieces of the smallest size.
func message(k int) []byte {
	b := make([]byte, k*ur.MinFragment)
	for i := range b {
		b[i] = byte(i * i >> 3)
	}
	return b
}

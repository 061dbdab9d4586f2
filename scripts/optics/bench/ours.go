package main

import (
	"bytes"

	"coldsign/scripts/optics/peers"
	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
)

// ours reads each picture as if it came alone, or right after the previous one,
// whose reading is not timed.
func ours(follow bool) func([]shot) (peers.Score, error) {
	return func(shots []shot) (peers.Score, error) {
		s := peers.Score{Read: make([]bool, len(shots))}
		for i, shot := range shots {
			read := reader.Acquire
			if follow {
				r := reader.New()
				r.Read(shot.previous)
				read = r.Read
			}
			before := peers.CPU()
			symbols := read(shot.Plane)
			s.Time += peers.CPU() - before
			for _, found := range symbols {
				content := found.Content()
				if bytes.Equal(content, shot.Payload) {
					s.Read[i] = true
				} else {
					s.Wrong += len(content)
				}
			}
		}
		return s, nil
	}
}

// newReader gives the contents of all symbols in pictures that follow one another.
func newReader() func(*picture.Plane) [][]byte {
	r := reader.New()
	return func(p *picture.Plane) [][]byte {
		var contents [][]byte
		for _, s := range r.Read(p) {
			contents = append(contents, s.Content())
		}
		return contents
	}
}

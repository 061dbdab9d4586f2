package journal

import (
	"bytes"

	"coldsign/shared/bundle"
)

// Answered finds the entry that decided the bundle with the given digest, among
// those of the present peer.
func (j *Journal) Answered(digest [32]byte) (Entry, bool) {
	for _, e := range j.chain() {
		if e.Kind == Decided && e.Sign != nil && e.Sign.Bundle == digest {
			return e, true
		}
	}
	return Entry{}, false
}

// In is the state of the direction from the online half: the last request
// bundle that was decided, and the digest of any earlier one.
func (j *Journal) In() (bundle.Channel, func(seq uint64) ([32]byte, bool)) {
	var c bundle.Channel
	digests := map[uint64][32]byte{}
	for _, e := range j.chain() {
		if e.Kind == Decided && e.Sign != nil {
			c = bundle.Channel{Sequence: e.Sign.Sequence, Last: e.Sign.Bundle}
			digests[e.Sign.Sequence] = e.Sign.Bundle
		}
	}
	return c, func(seq uint64) ([32]byte, bool) { d, ok := digests[seq]; return d, ok }
}

// Out is the last bundle that was made for the present peer; zero when there is
// none.
func (j *Journal) Out() bundle.Channel {
	var c bundle.Channel
	for _, e := range j.chain() {
		if e.Out != nil {
			c = bundle.Channel{Sequence: e.Out.Sequence, Last: e.Out.Digest}
		}
	}
	return c
}

// Sent finds the entry of the bundle with the given number for the present peer.
func (j *Journal) Sent(n uint64) (Entry, bool) {
	for _, e := range j.chain() {
		if e.Out != nil && e.Out.Sequence == n {
			return e, true
		}
	}
	return Entry{}, false
}

// Shown reports whether a person has been shown a review whose digest is this.
func (j *Journal) Shown(digest []byte) bool {
	for _, e := range j.entries {
		if e.Kind == Seen && bytes.Equal(e.Data, digest) {
			return true
		}
	}
	return false
}

// Peer is the key of the online half that is paired; nil before the first
// pairing.
func (j *Journal) Peer() []byte {
	for i := len(j.entries) - 1; i >= 0; i-- {
		if j.entries[i].Kind == Pair {
			return j.entries[i].Data
		}
	}
	return nil
}

// chain gives the entries made while paired with the present peer. Each peer has
// its own two sequences: one that is paired again goes on where it was.
func (j *Journal) chain() []Entry {
	peer := j.Peer()
	var with []byte
	var list []Entry
	for _, e := range j.entries {
		if e.Kind == Pair {
			with = e.Data
		}
		if bytes.Equal(with, peer) {
			list = append(list, e)
		}
	}
	return list
}

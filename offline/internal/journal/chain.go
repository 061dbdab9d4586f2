package journal

import (
	"bytes"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
)

// Last is the head of the journal: its last entry.
func (j *Journal) Last() bundle.Head {
	return bundle.Head{Number: uint64(len(j.entries)), Hash: j.last}
}

// Before is the entry before e: the head that a bundle tells which e releases.
func (e Entry) Before() bundle.Head { return bundle.Head{Number: e.Number - 1, Hash: e.Previous} }

// Holds refuses what the other half was told of a journal that is not this one. A
// later entry than the last is journal.rollback: this journal was restored from an
// older copy. Another entry is journal.fork: there are two. Neither can be waived,
// since what the other one has signed is not known here.
func (j *Journal) Holds(h bundle.Head) error {
	n, cure := uint64(len(j.entries)), "stop; use the newest copy of this home, or if that is lost restore a backup as a new device and pair that"
	switch {
	case h.Number > n:
		return fault.New("journal.rollback", cure, "the online half was told entry %d of the journal, and the journal here ends with entry %d", h.Number, n)
	case h.Number == n && h.Hash != j.last || h.Number > 0 && h.Number < n && h.Hash != j.entries[h.Number].Previous:
		return fault.New("journal.fork", cure, "the online half was told another entry %d than that of the journal here", h.Number)
	}
	return nil
}

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

package bundle

import "coldsign/shared/fault"

// Channel is what a half remembers of the bundles that went one way between two
// devices. The zero value is a channel that nothing went through.
type Channel struct {
	Sequence uint64   // of the last bundle that was processed or sent; 0 none
	Last     [32]byte // its digest; zero when there is none
}

// Next is the channel after the bundle with the given digest.
func (c Channel) Next(digest [32]byte) Channel { return Channel{c.Sequence + 1, digest} }

// Verdict says what a bundle is to a channel. The zero value is invalid.
type Verdict uint8

// The verdicts.
const (
	New    Verdict = 1 // the next in order: process it
	Repeat Verdict = 2 // the very file that was processed before: give the same answer
)

// Judge places a verified bundle in the order of its channel. known gives the
// digest of an older bundle if it is still remembered; it may be nil. The codes
// of its errors are bundle.gap (bring the missing one first), bundle.fork (two
// bundles claim one place: the sender was restored or copied, or lies),
// bundle.replay (older than the last, and not remembered) and bundle.kind (a
// pairing has no place).
func (c Channel) Judge(h Header, digest [32]byte, known func(sequence uint64) ([32]byte, bool)) (Verdict, error) {
	switch {
	case h.Kind == Pairing || h.Sequence == 0:
		return 0, fault.New("bundle.kind", "", "a %s bundle has no place in the order of bundles", h.Kind)
	case h.Sequence > c.Sequence && h.Sequence-c.Sequence > 1:
		return 0, fault.New("bundle.gap", "bring the missing bundles first, in order; if one is lost, write it again: \"coldsign-online export --bundle N\", \"coldsign-offline resend N\"",
			"this is bundle %d, and bundle %d has not arrived", h.Sequence, c.Sequence+1)
	case h.Sequence > c.Sequence && h.Previous == c.Last:
		return New, nil
	case h.Sequence > c.Sequence:
		return 0, fork("bundle %d does not follow the bundle %d that was processed here", h.Sequence, c.Sequence)
	case h.Sequence == c.Sequence && digest == c.Last:
		return Repeat, nil
	case h.Sequence == c.Sequence:
		return 0, fork("another bundle %d was processed here", h.Sequence)
	}
	if known != nil {
		if old, ok := known(h.Sequence); ok && old == digest {
			return Repeat, nil
		} else if ok {
			return 0, fork("another bundle %d was processed here", h.Sequence)
		}
	}
	return 0, fault.New("bundle.replay", "export what is pending again, as a new bundle",
		"this is bundle %d, and bundle %d has already been processed", h.Sequence, c.Sequence)
}

func fork(format string, args ...any) error {
	return fault.New("bundle.fork", "find out whether the sender was restored from a backup or copied; then pair again with a new device key", format, args...)
}

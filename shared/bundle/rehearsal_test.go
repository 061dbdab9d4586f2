package bundle

import (
	"testing"

	"coldsign/shared/fault"
)

// TestRehearsalMark has each half refuse the other's bundles, and take its own.
func TestRehearsalMark(t *testing.T) {
	for _, marked := range []bool{false, true} {
		h := Header{Kind: Requests, Rehearsal: marked}
		if err := h.Mark(marked); err != nil {
			t.Errorf("marked %v: %v", marked, err)
		}
		if err := h.Mark(!marked); !fault.Is(err, "rehearsal.mark") {
			t.Errorf("marked %v to another half: %v", marked, err)
		}
	}
}

// TestRehearsalMarkIsSigned has no one take the mark off or put it on.
func TestRehearsalMarkIsSigned(t *testing.T) {
	off := offlineDevice(t)
	for _, name := range []string{"pairing-rehearsal.cbor", "receipts-rehearsal.cbor"} {
		raw := read(t, name)
		b, err := Open(raw, off.Public())
		if err != nil || !b.Rehearsal {
			t.Fatalf("%s: %v, rehearsal %v", name, err, b.Rehearsal)
		}
		at := len(raw) - 64 - 2 - 1 // the 1 of key 12, before the signature
		if raw[at-1] != 12 || raw[at] != 1 {
			t.Fatalf("%s ends % x", name, raw[at-1:at+1])
		}
		for _, v := range []byte{0, 2} {
			raw[at] = v
			if _, err := Open(raw, off.Public()); !fault.Is(err, "bundle.signature") {
				t.Errorf("%s with mark %d: %v", name, v, err)
			}
			if _, _, err := parse(payloadIn(raw)); !fault.Is(err, "bundle.format") {
				t.Errorf("%s: the payload with mark %d parses: %v", name, v, err)
			}
		}
		raw[at] = 1
		if h, _, err := parse(payloadIn(raw)); err != nil || !h.Rehearsal {
			t.Errorf("%s: its own payload: %v", name, err)
		}
	}
}

// payloadOf cuts a payload out of its envelope.
func payloadIn(raw []byte) []byte {
	head := 3 // 59 xx xx
	if raw[56] == 0x58 {
		head = 2
	}
	return raw[56+head : len(raw)-66]
}

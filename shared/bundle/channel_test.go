package bundle

import (
	"testing"

	"coldsign/shared/fault"
)

func TestATT46Judge(t *testing.T) {
	digest := func(n byte) [32]byte { return [32]byte{0xd1, n} }
	known := func(seq uint64) ([32]byte, bool) { return digest(byte(seq)), seq >= 2 && seq <= 4 }
	at4 := Channel{Sequence: 4, Last: digest(4)}
	for name, c := range map[string]struct {
		channel  Channel
		kind     Kind
		seq      uint64
		previous [32]byte
		digest   [32]byte
		verdict  Verdict
		code     string
	}{
		"first":                      {Channel{}, Requests, 1, [32]byte{}, digest(1), New, ""},
		"first with a previous":      {Channel{}, Requests, 1, digest(0), digest(1), 0, "bundle.fork"},
		"second comes first":         {Channel{}, Requests, 2, digest(1), digest(2), 0, "bundle.gap"},
		"next":                       {at4, Receipts, 5, digest(4), digest(5), New, ""},
		"next after another":         {at4, Receipts, 5, digest(9), digest(5), 0, "bundle.fork"},
		"next after none":            {at4, Receipts, 5, [32]byte{}, digest(5), 0, "bundle.fork"},
		"the last again":             {at4, Receipts, 4, digest(3), digest(4), Repeat, ""},
		"another last":               {at4, Receipts, 4, digest(3), digest(9), 0, "bundle.fork"},
		"an old one again":           {at4, Receipts, 2, digest(1), digest(2), Repeat, ""},
		"another old one":            {at4, Receipts, 2, digest(1), digest(9), 0, "bundle.fork"},
		"an old one, not remembered": {at4, Receipts, 1, [32]byte{}, digest(1), 0, "bundle.replay"},
		"one missing":                {at4, Receipts, 6, digest(4), digest(6), 0, "bundle.gap"},
		"far ahead":                  {at4, Receipts, MaxSequence, digest(4), digest(6), 0, "bundle.gap"},
		"at the end":                 {Channel{1<<64 - 1, digest(4)}, Receipts, 1<<64 - 1, digest(3), digest(4), Repeat, ""},
		"pairing":                    {at4, Pairing, 0, [32]byte{}, digest(5), 0, "bundle.kind"},
		"no number":                  {at4, Requests, 0, [32]byte{}, digest(5), 0, "bundle.kind"},
	} {
		v, err := c.channel.Judge(Header{Kind: c.kind, Sequence: c.seq, Previous: c.previous}, c.digest, known)
		if v != c.verdict || (err == nil) != (c.code == "") || err != nil && fault.Code(err) != c.code {
			t.Errorf("%s: verdict %d, %v", name, v, err)
		}
	}
	if _, err := at4.Judge(Header{Kind: Keys, Sequence: 3}, digest(3), nil); !fault.Is(err, "bundle.replay") {
		t.Errorf("without a memory: %v", err)
	}
	if at4.Next(digest(5)) != (Channel{5, digest(5)}) {
		t.Error("Next does not advance")
	}
}

// TestChannel sends three bundles and delivers them in every order, each as often
// as it takes: the channel ends in the same place and each is new exactly once.
func TestChannel(t *testing.T) {
	d := onlineDevice(t)
	var sent Channel
	var raws [][]byte
	for range 3 {
		h := Header{Kind: Requests, Recipient: offlineDevice(t).id(), Sequence: sent.Sequence + 1, Previous: sent.Last}
		raw, err := Seal(h, encode(t, sampleRequest(t)), d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(raw, d.Public())
		if err != nil {
			t.Fatal(err)
		}
		raws, sent = append(raws, raw), sent.Next(b.Digest())
	}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var got Channel
		seen := map[uint64][32]byte{}
		news := 0
		for range 3 {
			for _, i := range order {
				b, err := Open(raws[i], d.Public())
				if err != nil {
					t.Fatal(err)
				}
				v, err := got.Judge(b.Header, b.Digest(), func(n uint64) ([32]byte, bool) { s, ok := seen[n]; return s, ok })
				if v == New {
					news++
					got = got.Next(b.Digest())
					seen[b.Sequence] = b.Digest()
				} else if v != Repeat && !fault.Is(err, "bundle.gap") {
					t.Errorf("order %v: %v", order, err)
				}
			}
		}
		if got != sent || news != 3 {
			t.Errorf("order %v: %d new, %d processed", order, news, got.Sequence)
		}
	}
}

package solana

import (
	"bytes"
	"testing"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// TestCompact: each length has one form of at most three bytes.
func TestCompact(t *testing.T) {
	for n := range 0x10000 {
		b := appendCompact(nil, n)
		r := reader{b: b}
		if got := r.compact(); got != n || r.err != nil || r.at != len(b) {
			t.Fatalf("%d is read from %x as %d: %v", n, b, got, r.err)
		}
	}
	for _, b := range [][]byte{{}, {0x80}, {0x80, 0}, {0xff, 0}, {0x80, 0x80, 0}, {0x80, 0x80, 4}, {0xff, 0xff, 0xff}, {0x80, 0x80, 0x80, 1}, {0xff, 0xff, 0x7f}} {
		if r := (reader{b: b}); r.compact() != 0 || !fault.Is(r.err, "solana.message") {
			t.Errorf("%x: %v", b, r.err)
		}
	}
}

// TestSize: a transaction of exactly one packet is accepted, one byte more not.
func TestSize(t *testing.T) {
	base := len(compile(t, Memo("")).Payload)
	room := maxTransaction - 65 - base - 1 // a memo of over 127 bytes has a length of two
	if u := compile(t, Memo(string(bytes.Repeat([]byte("x"), room)))); len(u.Payload)+65 != maxTransaction {
		t.Fatalf("%d bytes", len(u.Payload)+65)
	}
	if _, err := Compile(alice, blockhash, Memo(string(bytes.Repeat([]byte("x"), room+1)))); !fault.Is(err, "solana.message") {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, a := range []address{{}, alice, known(TokenProgram), {31: 1}} {
		if got, err := ParseAddress(text(a)); err != nil || got != a {
			t.Errorf("%s: %v", text(a), err)
		}
	}
	for _, s := range []string{"", "1", SystemProgram + "1", SystemProgram[1:], TokenProgram + " ", "O" + TokenProgram[1:], text(alice)[1:] + "zz", "\x1b" + TokenProgram[1:]} {
		if _, err := ParseAddress(s); !fault.Is(err, "solana.address") || !quote.Plain(err.Error()) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestWithBlockhash: only the blockhash changes; garbage is refused.
func TestWithBlockhash(t *testing.T) {
	for _, u := range []chain.Unsigned{compile(t, SystemTransfer(alice, bob, 1)), versioned(compile(t, SystemTransfer(alice, bob, 1)))} {
		before := bytes.Clone(u.Payload)
		got, err := WithBlockhash(u.Payload, carol)
		if err != nil || !bytes.Equal(got, bytes.Replace(before, blockhash[:], carol[:], 1)) || !bytes.Equal(before, u.Payload) {
			t.Errorf("%x: %v", got, err)
		}
		if _, err := WithBlockhash(u.Payload[1:], carol); err == nil {
			t.Error("garbage has a blockhash")
		}
	}
}

func seeds(f *testing.F) {
	all := cases(f)
	if len(all) == 0 {
		f.Fatal("no seeds")
	}
	for _, c := range all {
		f.Add(c.Unsigned.Payload, c.Unsigned.Evidence)
	}
}

// FuzzDecode: what parses has exactly its bytes, and is told in plain text; what
// does not is refused with a code. Signers are the message's own.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, payload, proof []byte) {
		u := chain.Unsigned{Network: mainnet, Payload: payload, Evidence: proof}
		m, err := parse(payload)
		if err == nil {
			if !bytes.Equal(m.encode(), payload) {
				t.Fatalf("%x is written as %x", payload, m.encode())
			}
			for _, k := range m.keys[:m.required] {
				u.Signers = append(u.Signers, pub(k))
			}
		}
		tx, err := New().Decode(u)
		if err != nil {
			if fault.Code(err) == "internal" || !quote.Plain(err.Error()) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		r := tx.Review()
		for _, s := range []string{r.Kind, r.Fee.Payer, r.Deadline.Text} {
			if s == "" || !quote.Plain(s) {
				t.Fatalf("review says %q", s)
			}
		}
		for _, d := range r.Details {
			if !quote.Plain(d.Value) || d.Name == "" {
				t.Fatalf("detail %q", d)
			}
		}
		if len(r.Details) != len(m.instructions)+len(m.keys) || len(tx.ToSign()) != m.required {
			t.Fatalf("%d details for %d instructions and %d keys", len(r.Details), len(m.instructions), len(m.keys))
		}
		if len(proof) > 0 {
			facts, err := decodeEvidence(proof)
			if again, err2 := EncodeEvidence(facts); err != nil || err2 != nil || !bytes.Equal(again, proof) {
				t.Fatalf("evidence %x is written as %x", proof, again)
			}
		}
	})
}

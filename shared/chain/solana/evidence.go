package solana

import (
	"bytes"
	"slices"

	"coldsign/shared/fault"

	"github.com/fxamacker/cbor/v2"
)

// Fact claims that Owner's associated token account for Mint is of use to the
// review. It is not believed: the codec derives the account's address from it,
// and only that address, found in the message, proves owner and mint.
type Fact struct {
	_       struct{} `cbor:",toarray"`
	Owner   [32]byte
	Mint    [32]byte
	Program [32]byte // the token program, TokenProgram or Token2022Program
}

// EncodeEvidence writes facts as the codec reads them from Unsigned.Evidence:
// deterministic CBOR (RFC 8949 section 4.2.1), an array of up to 64 arrays of
// three 32-byte strings. No facts give no bytes.
func EncodeEvidence(facts []Fact) ([]byte, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	if len(facts) > maxFacts {
		return nil, fault.New("solana.evidence", "", "%d entries of evidence, the limit is %d", len(facts), maxFacts)
	}
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(facts)
}

// decodeEvidence reads what EncodeEvidence writes, and nothing else.
func decodeEvidence(b []byte) ([]Fact, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) > maxEvidence {
		return nil, fault.New("solana.evidence", "", "evidence of %d bytes, the limit is %d", len(b), maxEvidence)
	}
	mode, err := cbor.DecOptions{
		MaxArrayElements: maxFacts,
		MaxNestedLevels:  4,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	var facts []Fact
	if mode.Unmarshal(b, &facts) != nil {
		return nil, fault.New("solana.evidence", "", "evidence is not an array of owner, mint and token program")
	}
	if again, err := EncodeEvidence(facts); err != nil || !bytes.Equal(again, b) {
		return nil, fault.New("solana.evidence", "", "evidence is not in its one deterministic encoding")
	}
	return facts, nil
}

// isTokenProgram tells the two programs whose associated accounts are known.
func isTokenProgram(a address) bool {
	return slices.Contains([]string{TokenProgram, Token2022Program}, text(a))
}

// prove derives the associated accounts that the evidence claims and that the
// message itself creates. The result maps the account to what it is.
func (m *message) prove(evidence []byte) (map[address]Fact, error) {
	claimed, err := decodeEvidence(evidence)
	if err != nil {
		return nil, err
	}
	proven := map[address]Fact{}
	for i, f := range claimed {
		if !isTokenProgram(f.Program) {
			return nil, fault.New("solana.evidence", "", "entry %d of the evidence names %s as token program", i+1, text(f.Program))
		}
		a, err := ATA(f.Owner, f.Program, f.Mint)
		if err != nil {
			return nil, err
		}
		if _, twice := proven[a]; twice || !slices.Contains(m.keys, a) {
			return nil, fault.New("solana.evidence", "send evidence for this message's accounts only, once each",
				"entry %d of the evidence is about token account %s, which the message does not name or another entry does", i+1, text(a))
		}
		proven[a] = f
	}
	for i, x := range m.instructions {
		if m.program(x) != AssociatedProgram || !isCreate(x) || !isTokenProgram(m.keys[x.accounts[5]]) {
			continue
		}
		at := func(i int) address { return m.keys[x.accounts[i]] }
		f := Fact{Owner: at(2), Mint: at(3), Program: at(5)}
		a, err := ATA(f.Owner, f.Program, f.Mint)
		if err != nil {
			return nil, err
		}
		if a != at(1) {
			return nil, fault.New("solana.ata", "", "instruction %d creates token account %s, but the owner's associated account is %s",
				i+1, text(at(1)), text(a))
		}
		proven[a] = f
	}
	return proven, nil
}

// Package approve proves that operators said yes: with minisign signatures, so
// that each can read and sign on a machine of his own with the stock tool.
//
//	minisign -Sm batch-7.approval        # makes batch-7.approval.minisig
//
// What they sign is a Statement, one small text for one batch under one policy, or
// the bytes of a document (a policy, an address book). Who has signed is gathered
// in an Approval, which answers whether a need is met:
//
//	end, err := statement.Check(text, now)        // exactly this batch, in time
//	operator, err := approve.Who(operators, text, sig)
//	err = approval.Add(operator)                  // each once
//	err = approval.Meets([]Need{{2, "approver"}}, requester)
//
// Comments of a signature, also the trusted one, are read by nobody.
package approve

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"aead.dev/minisign"
	"filippo.io/edwards25519"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Key is an operator's minisign public key. The zero Key verifies nothing.
type Key struct {
	id    uint64
	bytes [32]byte
}

// ParseKey reads a public key as minisign prints it: 56 characters, "RW...". Its
// point must be one that not everybody can sign for. Error operator.key.
func ParseKey(text string) (Key, error) {
	bad := fault.New("operator.key", "give the line that begins with RW of the operator's .pub file", "%s is not a minisign public key", quote.String(text[:min(len(text), 80)]))
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 2+8+32 || string(raw[:2]) != "Ed" || strings.ContainsAny(text, "\r\n") {
		return Key{}, bad
	}
	point, err := new(edwards25519.Point).SetBytes(raw[10:])
	if err != nil || !bytes.Equal(point.Bytes(), raw[10:]) || new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return Key{}, bad
	}
	return Key{binary.LittleEndian.Uint64(raw[2:]), [32]byte(raw[10:])}, nil
}

// String gives the key as minisign prints it.
func (k Key) String() string {
	raw := binary.LittleEndian.AppendUint64([]byte("Ed"), k.id)
	return base64.StdEncoding.EncodeToString(append(raw, k.bytes[:]...))
}

// ID names the key as minisign does: 16 hex digits, a hint and no proof.
func (k Key) ID() string { return fmt.Sprintf("%016X", k.id) }

// Same reports whether two keys are one, whatever they are called.
func (k Key) Same(other Key) bool { return k.bytes == other.bytes }

// verifies reports whether sig is k's signature of message.
func (k Key) verifies(message, sig []byte) bool {
	var public minisign.PublicKey
	return k != Key{} && public.UnmarshalText([]byte(k.String())) == nil && minisign.Verify(public, message, sig)
}

// Operator is a person of the policy in force.
type Operator struct {
	Name  string
	Key   Key
	Roles []string
}

// SameName reports whether two names are one person's, however they are written.
func SameName(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// Who finds the operator that signed message. sig is the text of a .minisig file,
// in the one form that minisign writes; both its kinds are taken, of the message
// and of the message's BLAKE2b. Errors approve.format, approve.key (nobody, or
// nobody any more, has that key) and approve.signature.
func Who(operators []Operator, message, sig []byte) (Operator, error) {
	var s minisign.Signature
	if len(sig) > MaxSignature || s.UnmarshalText(sig) != nil {
		return Operator{}, fault.New("approve.format", "sign again: minisign -Sm FILE", "this is no minisign signature")
	}
	if again, err := s.MarshalText(); err != nil || !bytes.Equal(again, sig) {
		return Operator{}, fault.New("approve.format", "sign again: minisign -Sm FILE", "the signature is not written as minisign writes it")
	}
	known := false
	for _, o := range operators {
		if o.Key.id != s.KeyID {
			continue
		}
		known = true
		if o.Key.verifies(message, sig) {
			return o, nil
		}
	}
	if !known {
		return Operator{}, fault.New("approve.key", "see \"policy show\" for those who may approve", "no operator of the policy in force has the key %016X", s.KeyID)
	}
	return Operator{}, fault.New("approve.signature", "sign this very file again", "the signature of key %016X does not fit what it is said to approve", s.KeyID)
}

// Approval is the proof that people said yes to one thing. The zero Approval
// approves nothing.
type Approval struct {
	about [32]byte
	by    []Operator

	Ends int64 // Unix seconds, of the first statement that ends; 0 where none does
}

// Need is how many operators of a role must approve.
type Need struct {
	Count int
	Role  string
}

// About begins the approval of what has the given digest.
func About(digest [32]byte) Approval { return Approval{about: digest} }

// Covers reports whether it is about what has the given digest.
func (a Approval) Covers(digest [32]byte) bool { return a.about != [32]byte{} && a.about == digest }

// By gives those who approved, in the order of their approvals.
func (a Approval) By() []Operator { return a.by }

// Add counts an operator, once: by key and by name. Error approve.twice.
func (a *Approval) Add(o Operator) error {
	for _, b := range a.by {
		if b.Key.Same(o.Key) || SameName(b.Name, o.Name) {
			return fault.New("approve.twice", "give each operator's approval once", "operator %s approved twice", quote.String(o.Name))
		}
	}
	a.by = append(a.by, o)
	return nil
}

// Meets is nil when every need has its operators, the requester not counted. Each
// person fills one place, whatever roles they have. Errors approve.missing and
// approve.requester.
func (a Approval) Meets(needs []Need, requester string) error {
	if a.about == [32]byte{} {
		return fault.New("approve.missing", "", "nothing was approved")
	}
	var others []Operator
	for _, o := range a.by {
		if requester == "" || !SameName(o.Name, requester) {
			others = append(others, o)
		}
	}
	places := 0
	for _, n := range needs {
		have, all := holders(others, n.Role), holders(a.by, n.Role)
		switch places += n.Count; {
		case n.Count < 0 || n.Role == "":
			return fault.New("approve.missing", "", "nothing was approved")
		case have >= n.Count:
		case all >= n.Count:
			return fault.New("approve.requester", "have another operator approve", "%s asked for it and cannot approve it: %d of %d approvals of role %s count", quote.String(requester), have, n.Count, quote.String(n.Role))
		default:
			return fault.New("approve.missing", "have operators approve, and give each with --approval FILE", "it needs %d approvals of role %s, and %d count", n.Count, quote.String(n.Role), have)
		}
	}
	if n := Filled(others, needs); n < places {
		return fault.New("approve.missing", "have another operator approve, and give --approval FILE", "each person counts for one role: %d of %d places are filled", n, places)
	}
	return nil
}

func holders(list []Operator, role string) (n int) {
	for _, o := range list {
		if slices.Contains(o.Roles, role) {
			n++
		}
	}
	return n
}

// Filled is the most places of the needs that people can fill, each person one.
func Filled(people []Operator, needs []Need) (n int) {
	var places []string // the role of each
	for _, need := range needs {
		for range min(need.Count, len(people)) {
			places = append(places, need.Role)
		}
	}
	in := make([]int, len(places)) // the person in each place, counted from 1
	var seat func(person int, tried []bool) bool
	seat = func(person int, tried []bool) bool {
		for i, role := range places {
			if tried[i] || !slices.Contains(people[person].Roles, role) {
				continue
			}
			tried[i] = true
			if in[i] == 0 || seat(in[i]-1, tried) { // who sits there moves on, if there is room
				in[i] = person + 1
				return true
			}
		}
		return false
	}
	for person := range people {
		if seat(person, make([]bool, len(places))) {
			n++
		}
	}
	return n
}

// Package journal is the offline half's append-only record of what was seen,
// decided and signed: a hash chain in one file, each entry signed by the device
// key and fsynced before the act it records is released.
//
// It answers one question before every signature: has this pending transaction
// been bound to a digest before? The same id with the same digest gets the same
// bytes again; with another digest it is refused for ever.
package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fxamacker/cbor/v2"

	"coldsign/shared/bundle"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
)

// The files in the home.
const (
	File = "journal.coldsign"
	// HeadFile counts the entries that were made durable, so that a journal cut
	// short is noticed. Whoever can replace both files can still roll both back.
	HeadFile = "journal.head"
)

const (
	magic    = "coldsign journal 1\n"
	maxFile  = 2 << 30
	maxEntry = 64 << 20
)

// Kind says what an entry records. The zero value is invalid.
type Kind uint8

// The kinds.
const (
	Init    Kind = 1 // Text: device id; Data: device public key
	Wallet  Kind = 2 // Text: "new", "import" or "remove" and the signature id
	Pair    Kind = 3 // Data: the other half's device key
	Keys    Kind = 4 // a keys bundle went out
	Policy  Kind = 5 // Text: the preset now in force
	Seen    Kind = 6 // a bundle was reviewed: Data its digest
	Decided Kind = 7 // a bundle was approved: Sign holds what
)

// Entry is one record.
type Entry struct {
	Number   uint64   `cbor:"1,keyasint"` // from 1
	Previous [32]byte `cbor:"2,keyasint"` // hash of the entry before; zeros for the first
	Time     int64    `cbor:"3,keyasint"` // Unix seconds by this machine's clock: a hint only
	Kind     Kind     `cbor:"4,keyasint"`
	Text     string   `cbor:"5,keyasint,omitempty"`
	Data     []byte   `cbor:"6,keyasint,omitempty"`
	Out      *Channel `cbor:"7,keyasint,omitempty"` // set when the entry releases a bundle
	Sign     *Signing `cbor:"8,keyasint,omitempty"`
}

// Channel is the place of a released bundle in the direction to the online
// half. The bundle is made from the entry alone, so that it can be made again.
type Channel struct {
	_        struct{} `cbor:",toarray"`
	Sequence uint64
	Previous [32]byte
	Created  int64
}

// Signing is what was decided about a request bundle.
type Signing struct {
	Bundle    [32]byte   `cbor:"1,keyasint"` // SHA-256 of the request bundle file
	Sequence  uint64     `cbor:"2,keyasint"` // of the request bundle
	Decisions []Decision `cbor:"3,keyasint"`
}

// Decision is the fate of one request.
type Decision struct {
	_      struct{} `cbor:",toarray"`
	ID     bundle.ID
	Digest [32]byte
	Status bundle.Status
	Code   string
	Reason string
}

// Journal is an open journal.
type Journal struct {
	path    string
	head    string
	device  ed25519.PublicKey
	entries []Entry
	size    int64 // bytes of whole entries
	last    [32]byte
	bound   map[bundle.ID]Decision
}

// Create starts a journal with the device's Init entry.
func Create(home string, s bundle.Signer, now int64) (*Journal, error) {
	j := &Journal{path: filepath.Join(home, File), head: filepath.Join(home, HeadFile), device: s.Public(), bound: map[bundle.ID]Decision{}}
	if _, err := os.Lstat(j.path); err == nil {
		return nil, fault.New("journal.exists", "use another --home, or move it away", "there is a journal at %q", j.path)
	}
	if err := durable.Write(j.path, []byte(magic)); err != nil {
		return nil, err
	}
	j.size = int64(len(magic))
	_, err := j.Append(s, Entry{Time: now, Kind: Init, Data: s.Public()})
	return j, err
}

// Open reads and verifies the whole journal. device may be nil when the keystore
// is locked: then the journal is checked against the key in its first entry.
func Open(home string, device ed25519.PublicKey) (*Journal, error) {
	j := &Journal{path: filepath.Join(home, File), head: filepath.Join(home, HeadFile), device: device, bound: map[bundle.ID]Decision{}}
	raw, err := durable.Read(j.path, maxFile)
	if fault.Is(err, "file.missing") {
		return nil, fault.New("journal.missing", "restore it: without it a payment could be signed twice", "no journal at %q", j.path)
	}
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(raw, []byte(magic)) {
		return nil, j.damaged("no journal header")
	}
	if err := j.load(raw); err != nil {
		return nil, err
	}
	return j, j.checkHead()
}

// load reads entries until the end, or until a last entry that was cut off
// while it was being written: such an entry released nothing.
func (j *Journal) load(raw []byte) error {
	off := len(magic)
	for off < len(raw) {
		body, sig, n := split(raw[off:])
		if n == 0 {
			break
		}
		if n < 0 {
			return j.damaged("entry %d has an impossible length", len(j.entries)+1)
		}
		if err := j.accept(body, sig); err != nil {
			return err
		}
		off += n
	}
	if len(j.entries) == 0 {
		return j.damaged("it holds no entry")
	}
	j.size = int64(off)
	return nil
}

// split cuts one entry off: 4-byte big-endian length, body, 64-byte signature.
func split(b []byte) (body, sig []byte, n int) {
	if len(b) < 4 {
		return nil, nil, 0
	}
	size := binary.BigEndian.Uint32(b)
	if size == 0 || size > maxEntry {
		return nil, nil, -1
	}
	n = 4 + int(size) + ed25519.SignatureSize
	if len(b) < n {
		return nil, nil, 0
	}
	return b[4 : 4+size], b[4+size : n], n
}

// accept checks one entry against the chain and takes it in.
func (j *Journal) accept(body, sig []byte) error {
	number := uint64(len(j.entries)) + 1
	e, err := decode(body)
	if err != nil {
		return j.damaged("entry %d cannot be read", number)
	}
	if e.Number != number || e.Previous != j.last {
		return j.damaged("entry %d does not follow the one before", number)
	}
	if number == 1 {
		if e.Kind != Init || len(e.Data) != ed25519.PublicKeySize {
			return j.damaged("entry 1 names no device")
		}
		if j.device == nil {
			j.device = e.Data
		}
		if !bytes.Equal(j.device, e.Data) {
			return fault.New("journal.device", "restore the journal that belongs to this keystore", "the journal belongs to another device")
		}
	}
	if !ed25519.Verify(j.device, signed(body), sig) {
		return j.damaged("entry %d is not signed by this device", number)
	}
	j.entries = append(j.entries, e)
	j.last = sha256.Sum256(body)
	j.bind(e)
	return nil
}

func (j *Journal) bind(e Entry) {
	if e.Sign == nil {
		return
	}
	for _, d := range e.Sign.Decisions {
		if old, ok := j.bound[d.ID]; !ok || old.Status == bundle.Deferred {
			j.bound[d.ID] = d
		}
	}
}

// signed is what the device signs for an entry: its hash under a domain.
func signed(body []byte) []byte {
	h := sha256.Sum256(body)
	return append([]byte("coldsign journal entry\x00"), h[:]...)
}

func (j *Journal) damaged(format string, args ...any) error {
	return fault.New("journal.damaged", "stop; compare with a backup before anything is signed", "the journal is damaged: "+format, args...)
}

func (j *Journal) checkHead() error {
	b, err := durable.Read(j.head, 64)
	if err != nil {
		return j.damaged("its head file cannot be read")
	}
	if len(b) != 8 {
		return j.damaged("its head file has %d bytes, not 8", len(b))
	}
	if n := binary.BigEndian.Uint64(b); n > uint64(len(j.entries)) {
		return fault.New("journal.truncated", "stop; compare with a backup before anything is signed", "the journal was cut: it holds %d entries of %d", len(j.entries), n)
	}
	return nil
}

// Append completes e, signs it, makes it durable and returns it. Only then may
// what it records be released.
func (j *Journal) Append(s bundle.Signer, e Entry) (Entry, error) {
	e.Number, e.Previous = uint64(len(j.entries))+1, j.last
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return e, err
	}
	body, err := enc.Marshal(e)
	if err != nil {
		return e, err
	}
	if len(body) > maxEntry {
		return e, fault.New("journal.size", "export smaller bundles", "a journal entry of %d bytes is too large", len(body))
	}
	sig, err := s.Sign(signed(body))
	if err != nil {
		return e, err
	}
	rec := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)+len(sig)), uint32(len(body)))
	rec = append(append(rec, body...), sig...)
	if err := j.write(rec); err != nil {
		return e, err
	}
	j.entries = append(j.entries, e)
	j.last = sha256.Sum256(body)
	j.bind(e)
	return e, durable.Write(j.head, binary.BigEndian.AppendUint64(nil, e.Number))
}

// write puts rec behind the last whole entry. A failed fsync is final: the
// kernel may have dropped the pages, so nothing after it can be trusted.
func (j *Journal) write(rec []byte) error {
	f, err := os.OpenFile(j.path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return j.failed(err)
	}
	defer f.Close()
	if err := f.Truncate(j.size); err != nil {
		return j.failed(err)
	}
	if _, err := f.WriteAt(rec, j.size); err != nil {
		return j.failed(errors.Join(err, f.Truncate(j.size)))
	}
	if err := f.Sync(); err != nil {
		return j.failed(err)
	}
	j.size += int64(len(rec))
	return nil
}

func (j *Journal) failed(err error) error {
	cure := "nothing was signed; mend the disk and run the command again"
	if errors.Is(err, syscall.ENOSPC) {
		cure = "nothing was signed; free some space and run the command again"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.New("journal.write", cure, "cannot write the journal: %w", err)
}

func decode(body []byte) (Entry, error) {
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxArrayElements: 250_000, MaxMapPairs: 16, MaxNestedLevels: 8,
	}.DecMode()
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	err = dec.Unmarshal(body, &e)
	return e, err
}

// Entries gives the entries, oldest first. The caller must not change them.
func (j *Journal) Entries() []Entry { return j.entries }

// Head gives the number of entries and the hash of the last.
func (j *Journal) Head() (uint64, [32]byte) { return uint64(len(j.entries)), j.last }

// Bound gives the decision that an id is bound to, if any.
func (j *Journal) Bound(id bundle.ID) (Decision, bool) {
	d, ok := j.bound[id]
	return d, ok
}

// Answered finds the entry that decided the bundle with the given digest.
func (j *Journal) Answered(digest [32]byte) (Entry, bool) {
	for _, e := range j.entries {
		if e.Sign != nil && e.Sign.Bundle == digest {
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
	for _, e := range j.sincePairing() {
		if e.Sign != nil {
			c = bundle.Channel{Sequence: e.Sign.Sequence, Last: e.Sign.Bundle}
			digests[e.Sign.Sequence] = e.Sign.Bundle
		}
	}
	return c, func(seq uint64) ([32]byte, bool) { d, ok := digests[seq]; return d, ok }
}

// Out is the number of bundles sent to the online half since the pairing.
func (j *Journal) Out() uint64 {
	var n uint64
	for _, e := range j.sincePairing() {
		if e.Out != nil {
			n = e.Out.Sequence
		}
	}
	return n
}

// sincePairing gives the entries after the last pairing: a new pairing starts
// both directions anew.
func (j *Journal) sincePairing() []Entry {
	for i := len(j.entries) - 1; i >= 0; i-- {
		if j.entries[i].Kind == Pair {
			return j.entries[i+1:]
		}
	}
	return nil
}

// Device gives the key that signs the journal.
func (j *Journal) Device() ed25519.PublicKey { return j.device }

// String names the kind.
func (k Kind) String() string {
	names := [...]string{"invalid", "init", "wallet", "pair", "keys", "policy", "seen", "decided"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

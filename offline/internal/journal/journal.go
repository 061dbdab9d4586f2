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
	"coldsign/shared/quote"
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
	maxEntry = 128 << 20 // 200,000 refusals with their reasons
	maxTail  = 1 << 10   // bytes around an entry's body, with room to spare
)

// Kind says what an entry records. The zero value is invalid.
type Kind uint8

// The kinds.
const (
	Init    Kind = 1 // Text: "rehearsal" or none; Data: device public key
	Wallet  Kind = 2 // Text: "new", "import" or "remove" and the signature id; "multisig enrol" or "remove" and a name, with Data the id
	Pair    Kind = 3 // Data: the other half's device key
	Keys    Kind = 4 // a keys bundle went out
	Policy  Kind = 5 // Text: the preset now in force
	Seen    Kind = 6 // a bundle was reviewed: Data its digest and that of the verdicts
	Decided Kind = 7 // a bundle was approved: Sign holds what
	Foreign Kind = 8 // a request of another wallet was approved: Sign holds what, with sequence 0; Text says which form it had

	Backup     Kind = 9  // a backup was made: Data its SHA-256; Text the wallets' fingerprint, and the set of shares that opens it
	Restore    Kind = 10 // as Init, first, of a home made from a backup: Text the fingerprint of its wallets, and the backup's SHA-256
	Passphrase Kind = 11 // the keystore's passphrase is being changed
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

	Approved []Approver `cbor:"9,keyasint,omitempty"` // the operators who approved it
}

// Approver is an operator who approved what an entry records.
type Approver struct {
	_    struct{} `cbor:",toarray"`
	Name string
	Key  string // minisign public key
}

// Channel is the place of a released bundle in the direction to the online
// half, and what it is: the bundle is made before its entry, and the same bytes
// are made again from the entry and the request bundle.
type Channel struct {
	_        struct{} `cbor:",toarray"`
	Sequence uint64
	Previous [32]byte
	Created  int64
	Digest   [32]byte // SHA-256 of the bundle file
}

// Signing is what was decided about a request bundle.
type Signing struct {
	Bundle    [32]byte   `cbor:"1,keyasint"` // SHA-256 of the request bundle file
	Sequence  uint64     `cbor:"2,keyasint"` // of the request bundle
	Decisions []Decision `cbor:"3,keyasint"`

	Waived bundle.Waived `cbor:"4,keyasint,omitempty"` // stands in each receipt

	Created int64    `cbor:"5,keyasint,omitempty"` // when the online half says it made the bundle
	By      []string `cbor:"6,keyasint,omitempty"` // for each decision, the policy and rules that stand in its receipt; none or as many
	Spent   []Spend  `cbor:"7,keyasint,omitempty"` // by what was signed, of each rule
}

// Spend is what the signed requests of one entry took of a rule's period.
type Spend struct {
	_      struct{} `cbor:",toarray"`
	Rule   string
	Asset  string
	Amount []byte // base units, big-endian, without leading zeros
}

// Decision is the fate of one request.
type Decision struct {
	_      struct{} `cbor:",toarray"`
	ID     bundle.ID
	Digest [32]byte
	Status bundle.Status
	Code   string
	Reason string

	By string `cbor:"-"` // of Signing.By
}

// Journal is an open journal.
type Journal struct {
	path    string
	head    string
	disk    disk
	broken  bool // a write failed: what is on the disk is not known
	counted uint64
	device  ed25519.PublicKey
	entries []Entry
	size    int64 // bytes of whole entries
	last    [32]byte
	bound   map[bundle.ID]Decision
}

// Create starts a journal with the device's Init entry.
func Create(home string, s bundle.Signer, now int64) (*Journal, error) {
	return start(home, s, Entry{Time: now, Kind: Init, Data: s.Public()})
}

// CreateRehearsal is Create in a home of a rehearsal; its first entry says so.
func CreateRehearsal(home string, s bundle.Signer, now int64) (*Journal, error) {
	return start(home, s, Entry{Time: now, Kind: Init, Text: "rehearsal", Data: s.Public()})
}

// CreateRestored starts the journal of a home that was made from a backup, with the
// device's Restore entry, which says which.
func CreateRestored(home string, s bundle.Signer, now int64, from string) (*Journal, error) {
	return start(home, s, Entry{Time: now, Kind: Restore, Text: from, Data: s.Public()})
}

func start(home string, s bundle.Signer, first Entry) (*Journal, error) {
	j := at(home, s.Public())
	if _, err := os.Lstat(j.path); err == nil {
		return nil, fault.New("journal.exists", "use another --home, or move it away", "there is a journal at %q", j.path)
	}
	if err := durable.Write(j.path, []byte(magic)); err != nil {
		return nil, err
	}
	j.size = int64(len(magic))
	_, err := j.Append(s, first)
	return j, err
}

func at(home string, device ed25519.PublicKey) *Journal {
	path := filepath.Join(home, File)
	return &Journal{path: path, head: filepath.Join(home, HeadFile), disk: file(path), device: device, bound: map[bundle.ID]Decision{}}
}

// Open reads and verifies the whole journal. device may be nil when the keystore
// is locked: then the journal is checked against the key in its first entry, and
// nothing is written.
func Open(home string, device ed25519.PublicKey) (*Journal, error) {
	j := at(home, device)
	// The head first: a reader without the lock must not see a head that is
	// newer than the journal it read.
	headErr := j.readHead()
	raw, err := durable.Read(j.path, maxFile)
	if fault.Is(err, "file.missing") {
		return nil, fault.New("journal.missing", "put it back; if it is lost, make a new home with \"coldsign-offline restore KEYSTORE --home NEW\", where KEYSTORE is "+quote.String(filepath.Join(home, "keystore.age"))+", and pair that",
			"no journal at %q, and without it a payment could be signed twice", j.path)
	}
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(raw, []byte(magic)) {
		return nil, j.damaged("no journal header")
	}
	if headErr != nil {
		return nil, headErr
	}
	if err := j.load(raw); err != nil {
		return nil, err
	}
	if err := j.checkHead(); err != nil {
		return nil, err
	}
	// What an entry records may be released from now on: count it first.
	if n := uint64(len(j.entries)); device != nil && j.counted < n {
		if err := j.writeHead(n); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// load reads entries until the end, or until one that the head does not count
// and that is not whole: a crash while it was written left it, in part, with
// zeros or with old bytes, and it released nothing. The next Append replaces it.
func (j *Journal) load(raw []byte) error {
	off := len(magic)
	for off < len(raw) {
		body, sig, n := split(raw[off:])
		if n == 0 {
			break
		}
		err := j.damaged("entry %d has an impossible length", len(j.entries)+1)
		if n > 0 {
			err = j.accept(body, sig)
		}
		if err != nil && uint64(len(j.entries)) >= max(j.counted, 1) {
			break
		}
		if err != nil {
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
		if e.Kind != Init && e.Kind != Restore || len(e.Data) != ed25519.PublicKeySize {
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

func (j *Journal) readHead() error {
	b, err := durable.Read(j.head, 64)
	if err != nil {
		return j.damaged("its head file cannot be read")
	}
	if len(b) != 8 {
		return j.damaged("its head file has %d bytes, not 8", len(b))
	}
	j.counted = binary.BigEndian.Uint64(b)
	return nil
}

// checkHead: the head is at most one behind, when the last Append was cut short
// between its two writes, and never in front.
func (j *Journal) checkHead() error {
	n := uint64(len(j.entries))
	switch {
	case j.counted > n:
		return fault.New("journal.truncated", "stop; compare with a backup before anything is signed", "the journal was cut: it holds %d entries of %d", n, j.counted)
	case j.counted == 0 || j.counted+1 < n:
		return j.damaged("its head file counts %d entries of %d", j.counted, n)
	}
	return nil
}

func (j *Journal) writeHead(n uint64) error {
	if err := durable.Write(j.head, binary.BigEndian.AppendUint64(nil, n)); err != nil {
		j.broken = true
		return err
	}
	j.counted = n
	return nil
}

// Append completes e, signs it, makes it durable and returns it. Only then may
// what it records be released.
func (j *Journal) Append(s bundle.Signer, e Entry) (Entry, error) {
	if j.broken {
		return e, fault.New("journal.write", "nothing was signed; run the command again", "an earlier write to the journal failed")
	}
	e.Number, e.Previous = uint64(len(j.entries))+1, j.last
	body, err := encode(e)
	if err != nil {
		return e, err
	}
	if len(body) > maxEntry || j.size+int64(len(body)) > maxFile-maxTail {
		return e, fault.New("journal.size", "export smaller bundles", "a journal entry of %d bytes is too large", len(body))
	}
	// What Open could not read back must never be written.
	if _, err := decode(body); err != nil {
		return e, fault.New("journal.entry", "export smaller bundles", "the journal entry could not be read again")
	}
	sig, err := s.Sign(signed(body))
	if err != nil {
		return e, err
	}
	rec := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)+len(sig)), uint32(len(body)))
	rec = append(append(rec, body...), sig...)
	if err := j.disk.put(j.size, rec); err != nil {
		j.broken = true
		return e, failed(err)
	}
	j.size += int64(len(rec))
	j.entries = append(j.entries, e)
	j.last = sha256.Sum256(body)
	j.bind(e)
	return e, j.writeHead(e.Number)
}

// disk is where entries go.
type disk interface {
	// put makes rec durable at an offset, in place of all that is behind it.
	put(offset int64, rec []byte) error
}

// file is a disk.
type file string

func (name file) put(offset int64, rec []byte) error {
	f, err := os.OpenFile(string(name), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(offset); err != nil {
		return err
	}
	if _, err := f.WriteAt(rec, offset); err != nil {
		return errors.Join(err, f.Truncate(offset))
	}
	return f.Sync()
}

// failed: a failed fsync is final, since the kernel may have dropped the pages:
// the journal takes no more entries until it is opened again.
func failed(err error) error {
	cure := "nothing was signed; mend the disk and run the command again"
	if errors.Is(err, syscall.ENOSPC) {
		cure = "nothing was signed; free some space and run the command again"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.New("journal.write", cure, "cannot write the journal: %w", err)
}

func encode(e Entry) ([]byte, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return enc.Marshal(e)
}

// decode reads what encode writes, and nothing else.
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
	if err := dec.Unmarshal(body, &e); err != nil {
		return Entry{}, err
	}
	if again, err := encode(e); err != nil || !bytes.Equal(again, body) {
		return Entry{}, fault.New("journal.entry", "", "an entry is not in canonical form")
	}
	if s := e.Sign; s != nil && len(s.By) > 0 {
		if len(s.By) != len(s.Decisions) {
			return Entry{}, fault.New("journal.entry", "", "an entry names %d policies for %d decisions", len(s.By), len(s.Decisions))
		}
		for i := range s.By {
			s.Decisions[i].By = s.By[i]
		}
	}
	return e, nil
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

// Device gives the key that signs the journal.
func (j *Journal) Device() ed25519.PublicKey { return j.device }

// String names the kind.
func (k Kind) String() string {
	names := [...]string{"invalid", "init", "wallet", "pair", "keys", "policy", "seen", "decided", "foreign", "backup", "restore", "passphrase"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

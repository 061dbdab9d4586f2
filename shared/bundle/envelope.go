package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"

	"github.com/veraison/go-cose"

	"coldsign/shared/fault"
)

const (
	contentType = "application/coldsign-bundle"
	domain      = "coldsign bundle v1" // external_aad: such a signature means nothing elsewhere
	signedTail  = 2 + ed25519.SignatureSize
)

// headBeforeID is every envelope up to the key id: tag 18, an array of four, the
// protected header of 51 bytes {1: -8, 3: content type, 4: 16 bytes}.
const headBeforeID = "\xd2\x84\x58\x33\xa3\x01\x27\x03\x78\x1b" + contentType + "\x04\x50"

// headAfterID is the empty unprotected header.
const headAfterID = "\xa0"

const headSize = len(headBeforeID) + len(DeviceID{}) + len(headAfterID)

// envelope is a file taken apart. Its fields are parts of the file.
type envelope struct {
	sender             DeviceID
	payload, signature []byte
}

// split takes a file apart. An envelope has exactly one encoding, which is
// compared byte for byte: no other header parameter, tag, head or order passes.
func split(raw []byte) (envelope, error) {
	var e envelope
	if len(raw) > MaxFile {
		return e, tooLarge("it has %d bytes, and %d is the most", len(raw), MaxFile)
	}
	if len(raw) < headSize+signedTail || string(raw[:len(headBeforeID)]) != headBeforeID {
		return e, malformed("it does not begin as one")
	}
	e.sender = DeviceID(raw[len(headBeforeID):])
	if string(raw[headSize-len(headAfterID):headSize]) != headAfterID {
		return e, malformed("its unprotected header is not empty")
	}
	r := &reader{b: raw[headSize:]}
	e.payload = r.bytes()
	e.signature = r.bytes()
	if r.failed || len(r.b) != 0 || len(e.signature) != ed25519.SignatureSize {
		return e, malformed("it is cut short, or bytes follow its end")
	}
	return e, nil
}

// message is the COSE form of an envelope, from which go-cose makes the bytes
// that are signed (RFC 9052 section 4.4).
func message(sender DeviceID, payload []byte) *cose.Sign1Message {
	return &cose.Sign1Message{
		Headers: cose.Headers{Protected: cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm:   cose.AlgorithmEdDSA,
			cose.HeaderLabelContentType: contentType,
			cose.HeaderLabelKeyID:       sender[:],
		}},
		Payload: payload,
	}
}

// Open verifies a bundle from the given device and reads its header. It keeps
// raw and makes no copy of its items: raw must not change afterwards. The codes
// of its errors are bundle.size, .format, .sender, .signature, .version, .kind.
func Open(raw []byte, sender ed25519.PublicKey) (*Bundle, error) {
	if err := checkKey(sender); err != nil {
		return nil, err
	}
	e, err := split(raw)
	if err != nil {
		return nil, err
	}
	if want := IDOf(sender); e.sender != want {
		return nil, fault.New("bundle.sender", "if you trust that device, pair with it",
			"this bundle comes from device %s, and the paired device is %s", e.sender, want)
	}
	verifier, err := cose.NewVerifier(cose.AlgorithmEdDSA, sender)
	if err != nil {
		return nil, fault.New("bundle.sender", "pair the two devices again", "the sender's key cannot be used: %w", err)
	}
	m := message(e.sender, e.payload)
	m.Signature = e.signature
	if err := m.Verify([]byte(domain), verifier); err != nil {
		return nil, fault.New("bundle.signature", "do not use this file: copy or export it again",
			"the signature of the bundle is wrong: it was damaged or changed")
	}
	b := &Bundle{digest: sha256.Sum256(raw)}
	if b.Header, b.items, err = parse(e.payload); err != nil {
		return nil, err
	}
	if b.Sender != e.sender {
		return nil, malformed("two senders are named")
	}
	return b, nil
}

// OpenPairing reads a pairing. It is signed with the key that it brings, so it
// proves only that the sender holds that key: whose key it is, people find out
// by comparing the words of PairingWords on both screens.
func OpenPairing(raw []byte) (*Bundle, Device, error) {
	if len(raw) > MaxPairing {
		return nil, Device{}, fault.New("bundle.size", "", "a pairing has at most %d bytes, and this file has %d", MaxPairing, len(raw))
	}
	e, err := split(raw)
	if err != nil {
		return nil, Device{}, err
	}
	h, items, err := parse(e.payload)
	if err != nil {
		return nil, Device{}, err
	}
	if h.Kind != Pairing {
		return nil, Device{}, fault.New("bundle.kind", "", "this is a %s bundle, not a pairing", h.Kind)
	}
	d, err := decode[Device](items[0])
	if err != nil {
		return nil, Device{}, err
	}
	b, err := Open(raw, d.Key[:])
	if err != nil {
		return nil, Device{}, err
	}
	return b, d, nil
}

// Seal makes a bundle of items that EncodeItem has made. The sender becomes the
// signer's device. The same header, items and key always give the same bytes.
func Seal(h Header, items [][]byte, s Signer) ([]byte, error) {
	pub := s.Public()
	if err := checkKey(pub); err != nil {
		return nil, err
	}
	h.Sender = IDOf(pub)
	if err := h.check(); err != nil {
		return nil, err
	}
	if err := checkItems(h, items, pub); err != nil {
		return nil, err
	}
	before, after, err := around(h)
	if err != nil {
		return nil, err
	}
	before = appendHead(before, majorArray, uint64(len(items)))
	size := len(before) + len(after)
	for _, item := range items {
		size += len(appendHead(nil, majorBytes, uint64(len(item)))) + len(item)
	}
	total := headSize + len(appendHead(nil, majorBytes, uint64(size))) + size + signedTail
	if total > MaxFile {
		return nil, tooLarge("it would have %d bytes, and %d is the most", total, MaxFile)
	}
	raw := make([]byte, 0, total)
	raw = append(append(append(raw, headBeforeID...), h.Sender[:]...), headAfterID...)
	raw = appendHead(raw, majorBytes, uint64(size))
	raw = append(raw, before...)
	for _, item := range items {
		raw = append(appendHead(raw, majorBytes, uint64(len(item))), item...)
	}
	raw = append(raw, after...)
	// What is signed here must open there: read it back before it is signed.
	if back, list, err := parse(raw[len(raw)-size:]); err != nil || back != h || len(list) != len(items) {
		return nil, fault.New("internal", "report it; nothing was signed", "the bundle does not read back as it was written")
	}
	m := message(h.Sender, raw[len(raw)-size:])
	if err := m.Sign(nil, []byte(domain), coseSigner{s}); err != nil {
		return nil, err
	}
	return append(appendHead(raw, majorBytes, ed25519.SignatureSize), m.Signature...), nil
}

// checkItems holds what goes out to the rules for what comes in.
func checkItems(h Header, items [][]byte, pub ed25519.PublicKey) error {
	if err := countItems(h, len(items)); err != nil {
		return err
	}
	for _, raw := range items {
		var err error
		switch h.Kind {
		case Pairing:
			var d Device
			if d, err = decode[Device](raw); err == nil && string(d.Key[:]) != string(pub) {
				err = badItem("the pairing brings another key than the one that signs it")
			}
		case Keys:
			_, err = decode[Wallet](raw)
		case Requests:
			_, err = decode[Request](raw)
		case Receipts:
			_, err = decode[Receipt](raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// coseSigner is a Signer as go-cose wants it. It checks the signature before
// anything leaves, so that a failing key store or memory cannot release a wrong
// one.
type coseSigner struct{ Signer }

func (coseSigner) Algorithm() cose.Algorithm { return cose.AlgorithmEdDSA }

func (s coseSigner) Sign(_ io.Reader, content []byte) ([]byte, error) {
	sig, err := s.Signer.Sign(content)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(s.Public(), content, sig) {
		return nil, fault.New("bundle.signature", "", "the device key made a wrong signature")
	}
	return sig, nil
}

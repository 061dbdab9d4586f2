// Package intake turns one submission into a pending transaction: it finds the
// network, the keys and the native payload, and has the chain's codec decode
// the result before anything is stored. What nobody could review is refused
// here, at the API, and not months later on the other side of the gap.
//
//	in := &intake.Intake{Chains: registry.New().All(), Networks: configured, Wallets: store, Now: time.Now}
//	row, review, err := in.Accept(ctx, tenant, submission)
//
// Everything that intake says of keys is a claim: the offline half derives each
// one itself.
package intake

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"coldsign/online/internal/kms"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/fxamacker/cbor/v2"
)

// Submission is what a caller asks to have signed. Transaction or
// SerializedTransaction is given, not both.
type Submission struct {
	ID         bundle.ID          // of the row, where another list has given it one; zero gets one here
	Chain      string             // KMS chain name, "BTC"
	Network    string             // name, CAIP-2 id, or "" for the chain's only configured network
	Hashes     []string           // signature ids, UUIDs
	Index      *uint32            // derivation index in mnemonic wallets of Hashes
	Signatures []pending.KeyIndex // further wallets, each with an index

	Transaction           strictjson.Value // native: base64 of a PSBT or a Solana message, 0x hex or object for EVM
	SerializedTransaction string           // the KMS record form
	Record                string           // what KMS clients read in place of Transaction; ours, never from a body
	Evidence              string           // base64; what the chain's codec takes beside the payload

	Note                string // the requester's words
	Requester           string // the name of the API key that asks; never from the body
	Deadline            int64  // Unix seconds after which broadcasting does not begin; 0 none
	WithdrawalID        string
	WithdrawalResponses strictjson.Value // an array, or absent
}

// Wallets finds the public half of a wallet.
type Wallets interface {
	Wallet(context.Context, bundle.SignatureID) (pending.Wallet, bool, error)
}

// Owners says which tenants may have a wallet sign, by its signature id in small letters. nil is no such list: each may have
// each. Once there is one, a wallet that it does not name is nobody's.
type Owners map[string][]string

// Intake accepts submissions. The zero Intake refuses everything.
type Intake struct {
	Chains   []chain.Chain
	Networks []chain.ID // that are configured; others are refused
	Wallets  Wallets
	Owners   Owners
	Now      func() time.Time
	// Blockhash gives a recent blockhash, which takes the place of the dummy in
	// Solana's KMS records. Without it such records are refused.
	Blockhash func(context.Context, chain.ID) ([32]byte, error)
}

// Accept makes the row and says what signing it would do. Bad submissions give
// FieldErrors, one for each bad field; any other error is ours.
func (in *Intake) Accept(ctx context.Context, tenant string, s Submission) (*pending.Transaction, chain.Review, error) {
	d := &draft{Submission: s, tenant: tenant}
	problems := append(in.findNetwork(d), in.check(d)...)
	if problems != nil {
		return nil, chain.Review{}, problems
	}
	if err := in.findWallets(ctx, d); err != nil {
		return nil, chain.Review{}, err
	}
	if err := in.findPayload(ctx, d); err != nil {
		return nil, chain.Review{}, err
	}
	review, err := d.decode()
	if err != nil {
		return nil, chain.Review{}, err
	}
	row, err := d.row()
	return row, review, err
}

// draft is a submission on its way to a row.
type draft struct {
	Submission
	tenant   string
	chain    chain.Chain
	network  chain.Network
	family   family
	evidence []byte
	ids      []bundle.SignatureID // named wallets, each once, in order
	derive   map[uint32]bool      // indexes that withdrawal responses name
	wallets  []wallet
	payload  []byte
	request  bundle.Request
	signer   holder
	reserve  []string
}

func (d *draft) native() bool { return d.Transaction.Kind > strictjson.Null }

// field is the property that holds the transaction.
func (d *draft) field() string {
	if d.native() {
		return "transaction"
	}
	return "serializedTransaction"
}

// findPayload translates the submission to the chain's own form.
func (in *Intake) findPayload(ctx context.Context, d *draft) error {
	keys, err := d.candidates(nil)
	if err != nil {
		return err
	}
	look := kms.Lookup{Keys: keysOf(keys)}
	if d.native() {
		d.payload, err = d.family.read(d.network, d.Transaction, look)
	} else {
		if d.Chain == "SOL" && in.Blockhash != nil {
			fresh, err := in.Blockhash(ctx, d.network.ID)
			if err != nil {
				return fault.New("upstream.blockhash", "try again", "no recent blockhash is to be had: %w", err)
			}
			look.Blockhash = &fresh
		}
		d.payload, err = kms.Native(d.network, d.SerializedTransaction, look)
	}
	return with(d.field(), err)
}

// decode names the signers, has the codec decode the request, and names our own
// outputs in it.
func (d *draft) decode() (chain.Review, error) {
	var none chain.Review
	if len(d.payload) == 0 {
		return none, FieldErrors{{d.field(), "isNotEmpty", "the transaction is empty", ""}}
	}
	origins, err := d.family.origins(d.payload)
	if err != nil {
		return none, with(d.field(), err)
	}
	all, err := d.candidates(origins)
	if err != nil {
		return none, err
	}
	wanted, err := d.family.wanted(d.payload, keysOf(all))
	if err != nil {
		return none, with(d.field(), err)
	}
	d.request = bundle.Request{
		Network: d.network.ID, Payload: d.payload, Evidence: d.evidence, Deadline: d.Deadline, Note: d.Note,
		Requester: d.Requester[:min(len(d.Requester), bundle.MaxRequester)],
	}
	if d.request.ID = d.ID; d.ID == (bundle.ID{}) {
		rand.Read(d.request.ID[:]) // never fails: the program ends when there is no randomness
	}
	for n, key := range wanted {
		i := slices.IndexFunc(all, func(c candidate) bool { return c.key == key })
		if n > 0 && all[i].holder != d.signer {
			return none, d.mixed()
		}
		d.signer = all[i].holder
		d.request.Keys = append(d.request.Keys, all[i].ref(true))
	}
	unsigned, err := d.request.Unsigned()
	if err != nil {
		return none, err
	}
	tx, err := d.chain.Codec.Decode(unsigned)
	if err != nil {
		return none, with(d.field(), err)
	}
	if n := len(tx.ToSign()); n > bundle.MaxSignatures {
		return none, with(d.field(), fault.New("transaction.size", "split it into smaller payments", "it needs %d signatures, and one answer holds %d", n, bundle.MaxSignatures))
	}
	review := tx.Review()
	if d.reserve, err = d.family.reserve(d.payload, unsigned.Signers, review); err != nil {
		return none, with(d.field(), err)
	}
	d.reserve = append(d.reserve, payloadName(unsigned))
	d.nameOutputs(all, wanted, review)
	return review, nil
}

// payloadName names the payload with its signers, as an EVM payload alone is
// anybody's. Whatever else they use up, the same bytes signed twice by the same
// keys are one payment. store.Create knows the prefix.
func payloadName(u chain.Unsigned) string {
	h := sha256.New()
	sum := sha256.Sum256(u.Payload)
	h.Write(sum[:])
	for _, k := range u.Signers {
		h.Write(append([]byte{byte(k.Curve())}, k.Bytes()...))
	}
	return fmt.Sprintf("payload:%x", h.Sum(nil))
}

// nameOutputs adds those candidates that do not sign but get something, so that
// the offline half can prove that it is ours: keys of whoever signs, for it knows
// no others.
func (d *draft) nameOutputs(all []candidate, wanted []chain.PublicKey, review chain.Review) {
	paid := map[string]bool{}
	for _, e := range review.Effects {
		paid[e.To], paid[e.Owner] = true, true
	}
	for _, c := range all {
		ours := slices.ContainsFunc(d.chain.Wallet.Addresses(d.network.ID, c.key, c.derived), func(a string) bool { return paid[a] })
		if ours && c.holder == d.signer && !slices.Contains(wanted, c.key) && len(d.request.Keys) < bundle.MaxKeys {
			d.request.Keys = append(d.request.Keys, c.ref(false))
		}
	}
}

// row is the pending transaction. Times and state of its life are the store's.
func (d *draft) row() (*pending.Transaction, error) {
	item, err := bundle.EncodeItem(d.request)
	if err != nil {
		return nil, with(d.field(), err)
	}
	t := &pending.Transaction{
		ID: d.request.ID, Tenant: d.tenant, Chain: d.Chain, Network: d.network.ID, Signer: d.signer.kind,
		Hashes: d.Hashes, Index: d.Index, Signatures: d.Signatures, Serialized: d.SerializedTransaction,
		WithdrawalID: d.WithdrawalID, Request: item, Digest: sha256.Sum256(item),
		Reserve: d.reserve, Deadline: d.Deadline, State: pending.Pending,
	}
	if d.native() {
		t.Serialized = cmp.Or(d.Record, kms.ReadBack(d.network.ID, d.payload))
	}
	if d.WithdrawalResponses.Kind == strictjson.Array {
		t.WithdrawalResponses = string(d.WithdrawalResponses.Append(nil))
	}
	return t, nil
}

// Review decodes an accepted row again and says what signing it would do.
func (in *Intake) Review(t *pending.Transaction) (chain.Review, error) {
	var r bundle.Request
	if err := cbor.Unmarshal(t.Request, &r); err != nil { // our own bytes, of EncodeItem
		return chain.Review{}, fault.New("intake.row", "", "the stored request cannot be read: %w", err)
	}
	unsigned, err := r.Unsigned()
	if err != nil {
		return chain.Review{}, err
	}
	at := slices.IndexFunc(in.Chains, func(c chain.Chain) bool { return c.Name == t.Chain })
	if at < 0 {
		return chain.Review{}, fault.New("intake.row", "", "the stored request is for a chain that is unknown here")
	}
	tx, err := in.Chains[at].Codec.Decode(unsigned)
	if err != nil {
		return chain.Review{}, err
	}
	return tx.Review(), nil
}

package intake

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"coldsign/online/internal/kms"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"

	"github.com/fxamacker/cbor/v2"
)

// Request reads the request of an accepted row.
func Request(t *pending.Transaction) (r bundle.Request, err error) {
	if err := cbor.Unmarshal(t.Request, &r); err != nil { // our own bytes, of EncodeItem
		return r, fault.New("intake.row", "", "the stored request cannot be read: %w", err)
	}
	return r, nil
}

// Chain gives the chain of an accepted row.
func (in *Intake) Chain(t *pending.Transaction) (chain.Chain, error) {
	at := slices.IndexFunc(in.Chains, func(c chain.Chain) bool { return c.Name == t.Chain })
	if at < 0 {
		return chain.Chain{}, fault.New("intake.row", "", "the stored request is for a chain that is unknown here")
	}
	return in.Chains[at], nil
}

// Uses names what an accepted row uses up on its network, as its Reserve did.
func (in *Intake) Uses(t *pending.Transaction) ([]string, error) {
	r, err := Request(t)
	if err != nil {
		return nil, err
	}
	_, uses, err := in.explain(t.Chain, r)
	return uses, err
}

// Owned reports whether the wallets that sign for a row are its tenant's still.
func (in *Intake) Owned(t *pending.Transaction) (bool, error) {
	r, err := Request(t)
	return err == nil && (in.Owners == nil || !slices.ContainsFunc(r.Keys, func(k bundle.KeyRef) bool {
		return k.Sign && !slices.Contains(in.Owners[k.SignatureID.String()], t.Tenant)
	})), err
}

// explain decodes a request of ours, and names what it uses up.
func (in *Intake) explain(chainName string, r bundle.Request) (chain.Review, []string, error) {
	var none chain.Review
	c, err := in.Chain(&pending.Transaction{Chain: chainName})
	if err != nil {
		return none, nil, err
	}
	family, ok := families()[r.Network.Namespace()]
	if !ok {
		return none, nil, fault.New("intake.row", "", "the stored request is for a chain that is unknown here")
	}
	unsigned, err := r.Unsigned()
	if err != nil {
		return none, nil, err
	}
	tx, err := c.Codec.Decode(unsigned)
	if err != nil {
		return none, nil, err
	}
	review := tx.Review()
	uses, err := family.reserve(r.Payload, unsigned.Signers, review)
	if err != nil {
		return none, nil, err
	}
	return review, append(uses, payloadName(unsigned)), nil
}

// Rebuild makes a row like an accepted one, with another request: its payload,
// evidence, keys, deadline, note and requester. The codec reads it as it read the first. It
// gets an id of its own; that it replaces the other the caller says.
func (in *Intake) Rebuild(t *pending.Transaction, r bundle.Request) (*pending.Transaction, chain.Review, error) {
	r.Network = t.Network
	r.Note = r.Note[:min(len(r.Note), bundle.MaxNote)]
	r.Requester = r.Requester[:min(len(r.Requester), bundle.MaxRequester)]
	rand.Read(r.ID[:]) // never fails: the program ends when there is no randomness
	review, uses, err := in.explain(t.Chain, r)
	if err != nil {
		return nil, review, err
	}
	item, err := bundle.EncodeItem(r)
	if err != nil {
		return nil, review, err
	}
	return &pending.Transaction{
		ID: r.ID, Tenant: t.Tenant, Chain: t.Chain, Network: t.Network, Signer: t.Signer,
		Hashes: t.Hashes, Index: t.Index, Signatures: t.Signatures, Serialized: kms.ReadBack(t.Network, r.Payload),
		Request: item, Digest: sha256.Sum256(item), Reserve: uses, Deadline: r.Deadline, State: pending.Pending,
	}, review, nil
}

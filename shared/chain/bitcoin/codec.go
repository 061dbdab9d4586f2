// Package bitcoin reads, explains and seals transactions of Bitcoin and its kin
// (Litecoin, Dogecoin, Bitcoin Cash) that cross the gap as version 0 PSBTs (BIP-174, BIP-371).
//
//	tx, err := bitcoin.New().Decode(unsigned) // payload: the binary PSBT
//	fmt.Print(tx.Review().Text())
//	sealed, err := tx.Seal(signatures)
//
// It signs P2PKH, P2WPKH, P2SH-P2WPKH, P2WSH and P2SH-P2WSH multisig, and P2TR by
// the key path, with SIGHASH_ALL (for P2TR also DEFAULT) and nothing else. Every
// input must end up signed: by the signers named, or by signatures that the PSBT
// has already, which are verified here. Bitcoin Cash has P2PKH alone, and Schnorr's
// signatures with SIGHASH_ALL|FORKID, which each input must ask for. Where it is said that others sign after us,
// a multisig input gets the signatures that can be made.
//
// An amount is proven when the PSBT has the whole previous transaction. That of a
// P2TR input is proven also when a signature to be made here is of the P2TR kind,
// for it commits to the amounts of all inputs; a signature that somebody else has
// made proves nothing to those who only sign beside it. A claimed amount is
// accepted, and the review says Unproven. Which output is change is not decided
// here: the offline half derives addresses and compares.
//
// Parser, digests and scripts are our own: the usual library for them brings a
// network stack along.
package bitcoin

import (
	"cmp"
	"slices"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Codec reads PSBTs. Its refusals have these codes:
//
//	psbt.malformed psbt.trailing psbt.duplicate-key psbt.field psbt.limits
//	psbt.version psbt.unsigned-tx psbt.final psbt.input-type psbt.sighash
//	psbt.previous-transaction psbt.redeem-script psbt.witness-script
//	psbt.taproot-key psbt.taproot-script psbt.partial-signature
//	psbt.signers psbt.signer-unused
//	bitcoin.network bitcoin.evidence bitcoin.version bitcoin.empty
//	bitcoin.duplicate-input bitcoin.coinbase bitcoin.amount
//	bitcoin.inputs-below-outputs
type Codec struct {
	coin string // KMS name, "" is Bitcoin
}

// New gives the codec of Bitcoin; Chains has those of its kin.
func New() Codec { return Codec{} }

// Networks lists the networks by CAIP-2 id.
func (c Codec) Networks() []chain.ID {
	var ids []chain.ID
	for _, n := range networksOf(c.coin) {
		ids = append(ids, n.id)
	}
	return ids
}

// tx is a decoded PSBT. It keeps none of the PSBT's bytes alive: those may be
// megabytes, of which little is of use once they have been read.
type tx struct {
	network  network
	unsigned *transaction
	in       []input
	owner    []int // for each request, the index of its input
	fee      uint64
}

// Decode reads a PSBT and works out what it would do and what is to sign.
func (c Codec) Decode(u chain.Unsigned) (chain.Tx, error) {
	n, err := networkOf(u.Network)
	if err != nil {
		return nil, err
	}
	if n.coin.name != cmp.Or(c.coin, "BTC") {
		return nil, fault.New("bitcoin.network", "", "%s is a network of %s", n.id, n.coin.name)
	}
	if len(u.Evidence) > 0 {
		return nil, fault.New("bitcoin.evidence", "", "a PSBT carries its own evidence; there are %d bytes beside it", len(u.Evidence))
	}
	t, err := read(u.Payload, u.Signers, u.Partial, n.coin.money)
	if err != nil {
		return nil, err
	}
	t.network = n
	if err := t.checkCoin(); err != nil {
		return nil, err
	}
	if err := t.checkSigners(u.Signers); err != nil {
		return nil, err
	}
	return t, nil
}

// checkCoin refuses what the coin does not have: more money than there is, witnesses
// where nothing knows of them, and hash types that make a signature another chain's.
func (t *tx) checkCoin() error {
	in := uint64(0)
	for n, i := range t.in {
		if in += i.spent.Amount; !t.network.coin.segwit && i.kind != p2pkh {
			return fault.New("psbt.input-type", "", "input %d: %s has no SegWit, and P2PKH alone is signed", n, t.network.coin.name)
		}
		switch cash := t.network.coin.cash; {
		case cash && !i.cash():
			return fault.New("psbt.sighash", "ask for SIGHASH_ALL|FORKID (0x41) in each input",
				"input %d does not want signature hash type 0x41: what it wants would be valid for Bitcoin, not for Bitcoin Cash", n)
		case !cash && i.cash():
			return fault.New("psbt.sighash", "sign with SIGHASH_ALL", "input %d wants signature hash type 0x41, which is Bitcoin Cash's", n)
		}
	}
	return checkMoney(in, t.network.coin.money)
}

// read does all of Decode but what needs the network, and lets signers be that
// have nothing to sign.
func read(payload []byte, signers []chain.PublicKey, partial bool, money uint64) (*tx, error) {
	p, err := parsePacket(slices.Clone(payload))
	if err != nil {
		return nil, err
	}
	if err := checkForm(p.tx, money); err != nil {
		return nil, err
	}
	ring, err := newKeyring(signers)
	if err != nil {
		return nil, err
	}
	t := &tx{unsigned: p.tx}
	if err := t.readInputs(p, ring); err != nil {
		return nil, err
	}
	return t, t.plan(p, ring, partial)
}

// checkForm refuses what no node would accept, whatever the inputs are.
func checkForm(t *transaction, money uint64) error {
	switch {
	case t.version < 1 || t.version > 3:
		return fault.New("bitcoin.version", "", "transaction version %d; known are 1, 2 and 3", t.version)
	case len(t.in) == 0 || len(t.out) == 0:
		return fault.New("bitcoin.empty", "", "the transaction has %d inputs and %d outputs", len(t.in), len(t.out))
	}
	seen := map[Outpoint]bool{}
	for i, in := range t.in {
		switch {
		case in.prev.TxID == Hash{}:
			return fault.New("bitcoin.coinbase", "", "input %d spends no transaction", i)
		case seen[in.prev]:
			return fault.New("bitcoin.duplicate-input", "", "input %d spends %s:%d a second time", i, in.prev.TxID, in.prev.Index)
		}
		seen[in.prev] = true
	}
	sum := uint64(0)
	for _, o := range t.out {
		if err := checkMoney(o.Amount, money); err != nil {
			return err
		}
		sum += o.Amount // no overflow: each sum and amount is below 2^60
		if err := checkMoney(sum, money); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) readInputs(p *packet, ring *keyring) error {
	t.in = make([]input, len(p.in))
	spent, sum := make([]Output, len(p.in)), uint64(0)
	for n := range t.in {
		i := &t.in[n]
		if err := i.read(n, t.unsigned.in[n], p.in[n], ring); err != nil {
			return err
		}
		sum += i.spent.Amount
		if err := checkAmount(sum); err != nil {
			return err
		}
		spent[n] = i.spent
	}
	for _, o := range t.unsigned.out {
		if o.Amount > sum {
			return fault.New("bitcoin.inputs-below-outputs", "", "the outputs are worth more than the inputs")
		}
		sum -= o.Amount
	}
	t.fee = sum
	s := newSighasher(t.unsigned, spent)
	for n := range t.in {
		t.in[n].digest = t.in[n].sighash(n, s)
	}
	return nil
}

// plan decides which signatures are to be made, and so which amounts are proven,
// and refuses when an input stays unsigned; a partial one may get a part of them.
func (t *tx) plan(p *packet, ring *keyring, partial bool) error {
	committed := false // by a signature of ours, to every amount
	for n := range t.in {
		i := &t.in[n]
		if err := i.plan(n, p.in[n], ring, partial); err != nil {
			return err
		}
		i.detach()
		for _, s := range i.slots {
			if s.sig == nil {
				t.owner = append(t.owner, n)
				committed = committed || i.kind == p2tr
			}
		}
		if len(t.owner) > maxSigs {
			return overLimit("more than %d signatures are to be made", maxSigs)
		}
	}
	for n := range t.in {
		t.in[n].proven = t.in[n].proven || committed && t.in[n].kind == p2tr
	}
	return nil
}

// checkSigners refuses a signer that has nothing to sign.
func (t *tx) checkSigners(signers []chain.PublicKey) error {
	wanted, tap := map[chain.PublicKey]bool{}, map[chain.PublicKey]bool{}
	for _, i := range t.in {
		for _, s := range i.slots {
			if s.sig == nil {
				wanted[s.key] = true
				tap[s.key] = tap[s.key] || i.kind == p2tr
			}
		}
	}
	for _, key := range signers {
		if !wanted[key] && !tap[key.Even()] {
			return fault.New("psbt.signer-unused", "leave it out", "no input wants a signature of %s", key)
		}
	}
	if len(t.owner) == 0 {
		return fault.New("psbt.signers", "finalize and send it", "nothing is left to sign")
	}
	return nil
}

// ToSign gives one request for each signature to be made, input by input, and
// within a multisig in the order of its script.
func (t *tx) ToSign() []chain.SignRequest {
	var requests []chain.SignRequest
	for _, i := range t.in {
		for _, s := range i.slots {
			if s.sig != nil {
				continue
			}
			r := chain.SignRequest{Key: s.key, Scheme: chain.ECDSA, Message: slices.Clone(i.digest[:])}
			switch {
			case i.kind == p2tr:
				r.Scheme, r.Tweak = chain.Taproot, slices.Clone(i.root)
			case i.cash():
				r.Scheme = chain.Schnorr
			}
			requests = append(requests, r)
		}
	}
	return requests
}

// Shared gives the address of the multisig that each request is for.
func (t *tx) Shared() []string {
	addresses := make([]string, len(t.owner))
	for n, at := range t.owner {
		if i := &t.in[at]; i.kind == multiSig {
			addresses[n], _ = t.network.address(i.spent.Script)
		}
	}
	return addresses
}

func (p *packet) origins() []chain.Origin {
	var origins []chain.Origin
	for _, ps := range p.in {
		origins = append(origins, ps.origins(inDerivation, inTapOrigin)...)
	}
	for _, ps := range p.out {
		origins = append(origins, ps.origins(outDerivation, outTapOrigin)...)
	}
	return origins
}

// origins reads the origins of compressed and x-only keys; no other key can be
// of a wallet of ours.
func (ps pairs) origins(derivation, taproot uint64) []chain.Origin {
	var origins []chain.Origin
	for _, p := range ps {
		r := &reader{b: p.value}
		var key chain.PublicKey
		switch {
		case p.typ == derivation && len(p.data) == 33:
			key, _ = chain.NewPublicKey(chain.Secp256k1, p.data)
		case p.typ == taproot:
			key = chain.XOnly([32]byte(p.data))
			r.take(32 * uint64(r.count(32)))
		default:
			continue
		}
		o := chain.Origin{Key: key, Fingerprint: [4]byte(r.take(4))}
		o.Path = slices.Grow(o.Path, len(r.b)/4)
		for len(r.b) > 0 {
			o.Path = append(o.Path, r.u32())
		}
		origins = append(origins, o)
	}
	return origins
}

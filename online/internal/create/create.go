// Package create makes pending transactions of the KMS API's creation calls, such as
// POST /v3/ethereum/transaction with a signatureId: what the caller left open is asked
// of the network's nodes and of the database, and the transaction that comes of it goes
// through intake like any other.
//
//	c := &create.Creator{Store: store, Intake: in, Nodes: nodes, Builders: map[string]create.Builder{"eip155": evm.New(store, now)}}
//	row, err := c.Create(ctx, create.Caller{Tenant: t, Name: n}, create.Call{Chain: "ETH", Kind: create.Transaction}, body, idem)
//
// A builder for each family knows the calls' fields and makes the submission. Of two
// creations that want the same nonce or output one stores its row; the other is built
// again.
package create

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/online/internal/strictjson"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Kind is what a call is for. The zero value is invalid.
type Kind string

// The kinds.
const (
	Transaction Kind = "transaction" // POST /v3/{chain}/transaction
	Token       Kind = "token"       // POST /v3/blockchain/token/transaction
	Withdrawal  Kind = "withdrawal"  // POST /v3/offchain/{chain}/transfer
)

// Call is the route that was called.
type Call struct {
	Chain   string // KMS chain name, "ETH"; "" where the body's "chain" says it
	Kind    Kind
	Network string // the network that the caller names, by name or CAIP-2 id; "" leaves it to the wallet
	Testnet string // what x-testnet-type says, "ethereum-sepolia"; it decides where the wallet does not
}

// Caller is who asks.
type Caller struct{ Tenant, Name string }

// Request is what a builder works on.
type Request struct {
	Call
	Caller
	Definition chain.Chain // of Call.Chain
	On         chain.Network
	Body       *Fields   // not read yet: start with Body.Only
	Node       node.Node // the network's nodes asked as one; nil where none is configured or answers, see NoNode
	Attempt    int       // 0, then one more each time that another creation was faster
	// Fixed is set by a builder that would build the same again: a conflict is then the
	// caller's.
	Fixed bool

	intake Intake
	store  Store
	down   error // why Node is nil though one is configured
}

// Accounts gives the keys that the wallets of a submission name, in order, with their
// addresses. Of the submission only Hashes, Index and Signatures are read.
func (r *Request) Accounts(ctx context.Context, s intake.Submission) ([]intake.Account, error) {
	s.Chain, s.Network = r.Chain, string(r.On.ID)
	return r.intake.Accounts(ctx, r.Tenant, s)
}

// Reserved gives those of the names, "nonce:<address>:<n>" or "utxo:<txid>:<vout>",
// that a row on the network uses up.
func (r *Request) Reserved(ctx context.Context, names []string) (map[string]bool, error) {
	return r.store.Reserved(ctx, r.On.ID, names)
}

// Builder makes the submission of one family.
type Builder interface {
	// Build reads the body and makes what intake accepts. What is wrong with the body
	// are intake.FieldErrors. Chain, network and requester are set by the caller.
	Build(ctx context.Context, r *Request) (intake.Submission, error)
}

// Store is what creating needs of the database.
type Store interface {
	Earlier(ctx context.Context, tenant string, idem store.Idempotency) (*pending.Transaction, error)
	Create(ctx context.Context, t *pending.Transaction, idem store.Idempotency) (*pending.Transaction, error)
	Reserved(ctx context.Context, network chain.ID, names []string) (map[string]bool, error)
}

// Intake makes rows of submissions.
type Intake interface {
	Accept(ctx context.Context, tenant string, s intake.Submission) (*pending.Transaction, chain.Review, error)
	Accounts(ctx context.Context, tenant string, s intake.Submission) ([]intake.Account, error)
	Options(ctx context.Context, tenant, chainName string, wallets []bundle.SignatureID) (chain.Chain, []chain.Network, error)
}

// Creator makes rows. Its fields are set before the first call.
type Creator struct {
	Store    Store
	Intake   Intake
	Nodes    map[chain.ID]node.Node
	Builders map[string]Builder // by CAIP-2 namespace

	queues  queues
	checked checks
}

const (
	attempts = 64 // of a creation that other servers are faster than
	pause    = 5 * time.Millisecond
)

// Create makes the row that the call asks for, or gives the one that the idempotency
// key made before. Bad fields are intake.FieldErrors.
func (c *Creator) Create(ctx context.Context, who Caller, call Call, body []byte, idem store.Idempotency) (*pending.Transaction, error) {
	// First: what was accepted once is answered whatever has changed since.
	if existing, err := c.Store.Earlier(ctx, who.Tenant, idem); err != nil || existing != nil {
		return existing, err
	}
	r, builder, err := c.request(ctx, who, call, body)
	if err != nil {
		return nil, err
	}
	leave, err := c.queues.enter(ctx, r.queue())
	if err != nil {
		return nil, err
	}
	defer leave()
	for ; ; r.Attempt++ {
		row, err := c.once(ctx, r, builder, idem)
		if !fault.Is(err, "reservation.conflict") || r.Fixed || r.Attempt+1 == attempts {
			return row, err
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
			return nil, err
		}
		r.Body.reset()
	}
}

func (c *Creator) once(ctx context.Context, r *Request, b Builder, idem store.Idempotency) (*pending.Transaction, error) {
	s, err := b.Build(ctx, r)
	if err != nil {
		return nil, err
	}
	s.Chain, s.Network, s.Requester = r.Chain, string(r.On.ID), r.Name
	if r.Kind == Withdrawal {
		s.WithdrawalID = store.NewID().String()
	}
	row, _, err := c.Intake.Accept(ctx, r.Tenant, s)
	if err != nil {
		return nil, r.blame(err)
	}
	existing, err := c.Store.Create(ctx, row, idem)
	if existing != nil {
		row = existing
	}
	return row, err
}

// blame names the caller's own fields where intake names those of a submission.
func (r *Request) blame(err error) error {
	e, ok := errors.AsType[intake.FieldErrors](err)
	if !ok {
		return err
	}
	e = slices.Clone(e)
	for i := range e {
		switch e[i].Property {
		case "hashes", "signatures":
			e[i].Property = "signatureId"
		case "transaction", "serializedTransaction", "evidence":
			e[i].Property, e[i].Value = "body", ""
		}
	}
	return e
}

// request settles chain, network and builder.
func (c *Creator) request(ctx context.Context, who Caller, call Call, body []byte) (*Request, Builder, error) {
	f, err := Parse(body)
	if err != nil {
		return nil, nil, err
	}
	if err := f.secrets(); err != nil {
		return nil, nil, err
	}
	if call.Chain == "" {
		if call.Chain = f.value("chain").Text; f.value("chain").Kind != strictjson.String || len(call.Chain) > maxChain {
			return nil, nil, Bad("chain", "isString", "must be the name of a chain")
		}
	}
	var wallets []bundle.SignatureID
	for _, text := range f.signatureIDs() {
		id, err := bundle.ParseSignatureID(text)
		if err != nil {
			return nil, nil, intake.FieldErrors{{Property: "signatureId", Code: "isUuid", Message: "signatureId must be a UUID: that of a wallet", Value: text[:min(len(text), maxShown)]}}
		}
		if slices.Contains(wallets, id) { // each is looked up
			continue
		}
		if wallets = append(wallets, id); len(wallets) > maxWallets {
			return nil, nil, Bad("signatureId", "arrayMaxSize", fmt.Sprintf("must name at most %d wallets", maxWallets))
		}
	}
	if wallets == nil {
		return nil, nil, Bad("signatureId", "isUuid", "must be given: the UUID of the wallet that pays")
	}
	definition, options, err := c.Intake.Options(ctx, who.Tenant, call.Chain, wallets)
	if err != nil {
		return nil, nil, err
	}
	r := &Request{Call: call, Caller: who, Definition: definition, Body: f, intake: c.Intake, store: c.Store}
	if r.On, err = choose(call, options); err != nil {
		return nil, nil, err
	}
	builder := c.Builders[r.On.ID.Namespace()]
	if builder == nil {
		return nil, nil, Bad("chain", "isIn", "is not one that this server makes transactions of; submit one to POST /v1/transactions")
	}
	if n := c.Nodes[r.On.ID]; n != nil {
		if r.down = c.checked.check(ctx, r.On.ID, n); r.down == nil {
			r.Node = n
		}
	}
	return r, builder, nil
}

// choose picks the network: the one that the caller names, else the only one there is
// for the wallet, else the one of x-testnet-type. That one is not asked first, since
// clients send it to mainnet servers too.
func choose(call Call, options []chain.Network) (chain.Network, error) {
	var names []string
	for _, n := range options {
		if n.Name == call.Network || string(n.ID) == call.Network || call.Network == "" && len(options) == 1 {
			return n, nil
		}
		names = append(names, n.Name)
	}
	if call.Network == "" && call.Testnet != "" {
		_, name, _ := strings.Cut(call.Testnet, "-")
		for _, n := range options {
			if n.Name == name || n.Name == call.Testnet {
				return n, nil
			}
		}
	}
	list := "none"
	if names != nil {
		list = strings.Join(names, ", ")
	}
	return chain.Network{}, intake.FieldErrors{{Property: "network", Code: "isIn", Value: call.Network,
		Message: "network must be named, as ?network= or in x-testnet-type: configured for the wallet are " + list}}
}

// queue names what creations must not do at the same time: pay from the same wallets
// of a network.
func (r *Request) queue() string {
	ids := r.Body.signatureIDs()
	slices.Sort(ids)
	return string(r.On.ID) + " " + strings.ToLower(strings.Join(slices.Compact(ids), " "))
}

// Package pending is the online half's domain: a pending transaction, its
// states, and the one table of transitions between them.
//
// The package knows no HTTP, no SQL and no node. Who is asking (the tenant of
// an API key) travels as an argument.
package pending

import (
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// State of a pending transaction. The zero value is invalid.
type State string

// The states, in the order of a payment's life, then the ends.
const (
	Pending      State = "pending"      // accepted, never left this half
	Exported     State = "exported"     // in a bundle, or shown to another wallet: a signature may exist
	Signed       State = "signed"       // sealed: raw bytes and txid are on disk
	Broadcasting State = "broadcasting" // intent on disk: bytes may have left
	Broadcast    State = "broadcast"    // a node has accepted it
	Complete     State = "complete"     // seen at the depth set for its chain, or asserted
	Cancelled    State = "cancelled"
	Refused      State = "refused" // the offline half said no
	Expired      State = "expired" // proven that it can no longer land
	Failed       State = "failed"  // landed and failed, or a conflicting transaction is final
)

// States lists every state.
func States() []State {
	return []State{Pending, Exported, Signed, Broadcasting, Broadcast, Complete, Cancelled, Refused, Expired, Failed}
}

// Event moves a transaction from one state to another.
type Event string

// The events.
const (
	Export  Event = "export"
	Seal    Event = "seal"    // a verified receipt with signatures
	Take    Event = "take"    // a hot signer's transaction, verified and sealed: the row never left
	Refuse  Event = "refuse"  // a verified receipt with a refusal
	Defer   Event = "defer"   // a verified receipt that decides nothing: may be exported again
	Intend  Event = "intend"  // before the first byte goes to a node
	Accept  Event = "accept"  // a node has it
	Confirm Event = "confirm" // seen at depth
	Reorg   Event = "reorg"   // no longer at depth
	Cancel  Event = "cancel"  // DELETE before export
	Assert  Event = "assert"  // PUT by a key with scope complete, never exported
	Expire  Event = "expire"  // proven unlandable
	Fail    Event = "fail"    // landed and failed, or conflict final

	// Supersede ends a row of which nothing was sent: a row that conflicts with it
	// on chain is final, so that a signature of it, if there is one, is worth nothing.
	Supersede Event = "supersede"

	// Revive takes a row back that was sent and failed, because another was final or
	// by its own execution: that is so no longer, after a reorganization, and this one
	// may land, or has.
	Revive Event = "revive"
)

// Events lists every event.
func Events() []Event {
	return []Event{Export, Seal, Refuse, Defer, Intend, Accept, Confirm, Reorg, Cancel, Assert, Expire, Fail, Supersede, Revive, Take}
}

// next is the one transition table. What it does not hold is refused. What leads from
// Signed to an end by evidence is for parked rows alone: nothing of them is sent here,
// and who else has the signature may have sent it.
func next(s State, e Event) (State, bool) {
	type edge struct {
		from State
		by   Event
	}
	to, ok := map[edge]State{
		{Pending, Export}:       Exported,
		{Pending, Cancel}:       Cancelled,
		{Pending, Assert}:       Complete,
		{Pending, Take}:         Signed,
		{Exported, Seal}:        Signed,
		{Exported, Refuse}:      Refused,
		{Exported, Defer}:       Pending,
		{Signed, Intend}:        Broadcasting,
		{Broadcasting, Accept}:  Broadcast,
		{Broadcasting, Confirm}: Complete,
		{Broadcasting, Expire}:  Expired,
		{Broadcasting, Fail}:    Failed,
		{Broadcast, Confirm}:    Complete,
		{Broadcast, Expire}:     Expired,
		{Broadcast, Fail}:       Failed,
		{Complete, Reorg}:       Broadcast,
		{Pending, Supersede}:    Cancelled,
		{Exported, Supersede}:   Cancelled,
		{Signed, Supersede}:     Cancelled,
		{Signed, Confirm}:       Complete,
		{Signed, Expire}:        Expired,
		{Signed, Fail}:          Failed,
		{Failed, Revive}:        Broadcast,
	}[edge{s, e}]
	return to, ok
}

// Transition gives the state that e leads to from s, or false when the table
// does not allow it.
func Transition(s State, e Event) (State, bool) { return next(s, e) }

// Parked reports whether the row can never be broadcast any more, while the
// signature that may exist keeps what it reserved. Another row may take that
// over: the two conflict on chain, so at most one lands.
func (t *Transaction) Parked() bool {
	switch t.State {
	case Pending, Exported, Signed:
		return t.CancelRequested
	}
	return t.State == Refused
}

// Late reports whether the deadline has passed: there is no broadcasting then.
func (t *Transaction) Late(now time.Time) bool { return t.Deadline != 0 && now.Unix() >= t.Deadline }

// Left reports whether the row has ever left this half, so that a signature of it
// may exist. What another wallet had never becomes pending again.
func (t *Transaction) Left() bool {
	return t.Bundle != 0 || t.Hot || t.Signer == Foreign && (t.State == Exported || len(t.Raw) != 0)
}

// Replaced is the code of a row that ended because one that conflicts with it on
// chain is final.
const Replaced = "chain.replaced"

// Requoted is the code of a row in whose place the same payment is made anew: see
// Transaction.Requotes.
const Requoted = "requote.replaced"

// Landed is the code of a row that is not sent, since an earlier one of the same payment
// is on chain after all.
const Landed = "requote.landed"

// Passed is the code of a row of which nothing was sent before its deadline.
const Passed = "deadline.passed"

// Conflicted is the code of a row that ended because a transaction that is not ours
// is final in its place.
const Conflicted = "chain.conflict"

// Executed is the code of a row that is deep in a block, where its execution failed.
const Executed = "chain.failed"

// Revivable reports whether what ended a failed row can be undone by a reorganization.
func Revivable(code string) bool { return code == Replaced || code == Conflicted || code == Executed }

// Foreign is the Signer of what another wallet signs: a hardware or software
// wallet that takes one request at a time and gives its signatures back.
const Foreign = "foreign"

// Wallet is the public half of a wallet.
type Wallet struct {
	bundle.Wallet
	Signer string // who holds it: "" the paired offline half, or Foreign
}

// KeyIndex is a wallet and the derivation index in it: one entry of the KMS
// record's "signatures".
type KeyIndex struct {
	ID    string `json:"id"` // SignatureID, a UUID
	Index uint32 `json:"index"`
}

// Transaction is one row of the KMS list.
type Transaction struct {
	ID      bundle.ID
	Tenant  string
	Chain   string   // KMS chain name, "BTC"
	Network chain.ID // CAIP-2
	Signer  string   // who signs: "" the paired offline half, or Foreign; it never changes

	Hashes     []string   // signature ids, in order of signing
	Index      *uint32    // when Hashes names a mnemonic wallet
	Signatures []KeyIndex // several (wallet, index) pairs
	Serialized string     // what a KMS client reads as serializedTransaction

	WithdrawalID        string
	WithdrawalResponses string // JSON array as it was given, or ""

	Request []byte   // the bundle item, exactly as it crosses the gap
	Digest  [32]byte // SHA-256 of Request

	// Reserve names what the payment uses up on its network, so that no second
	// live row can: "nonce:<address>:<n>", "utxo:<txid>:<vout>". Only the store's
	// Create reads it; a row that is read back has none.
	Reserve []string

	// Replaces names the row that this one competes with on chain: whichever lands,
	// the others of the set cannot. Only the store's Create reads it; Links tells it.
	Replaces bundle.ID
	Cancels  bool // it pays nobody: its end is that of the other

	// Requotes names the row whose payment this one makes, with what the network wants
	// now. The two conflict on chain (Replaces is set too), or the other is proven dead.
	// Told takes it that its failure may be known. Only the store's Create reads them;
	// Successions tells.
	Requotes bundle.ID
	Told     bool

	Deadline int64 // Unix seconds from which on broadcasting does not begin; 0 none. That of Request

	State           State
	CancelRequested bool // withdrawn after export: a signature may exist, its receipt is quarantined
	Hot             bool // signed by a hot signer, through the API: it was never in a bundle
	MaybeSigned     bool // a former offline half had it and never answered: only chain evidence frees what it reserved
	Asserted        bool // completed on a caller's word (KMS PUT), not by chain evidence

	TxID          string // once sealed or asserted
	Raw           []byte // sealed bytes: retries send exactly these
	Confirmations uint64
	Code, Reason  string    // of a refusal or failure, or what keeps it from landing: stable code, printable line
	Noted         time.Time // since when a row on its way has this Code; zero none
	Report        string    // the last error that a hot signer reported: its words, a printable line, believed by nobody
	Reported      time.Time // when; zero never

	Bundle  uint64 // sequence of the bundle that carries it; 0 before export, and always of a Foreign row
	Created time.Time
	Updated time.Time
}

package main

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	sol "github.com/gagliardetto/solana-go"
	"github.com/gagliardetto/solana-go/programs/system"
)

// TestATT118Solana is a short soak on the validator's runtime; `make soak` runs a long
// one, in which no clock is set.
func TestATT118Solana(t *testing.T) {
	var out bytes.Buffer
	p := built(t, plan{Time: 3 * time.Second, Settle: 90 * time.Second, Rate: 0.05, Chain: "solana"})
	clean, err := soak(t.Context(), p, &out)
	t.Logf("\n%s", out.String())
	if err != nil || !clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
}

// scene builds an honest world.
type scene struct {
	*svmWorld
	t      *testing.T
	wallet sol.PublicKey
}

// tx makes a transaction, which pays if there is a recipient, and its bytes. With a
// nonce account it uses up the value.
func (s *scene) tx(value byte, nonce, to sol.PublicKey, lamports uint64) (put, []byte) {
	s.t.Helper()
	var list []sol.Instruction
	if !nonce.IsZero() {
		list = append(list, system.NewAdvanceNonceAccountInstruction(nonce, sol.SysVarRecentBlockHashesPubkey, s.wallet).Build())
	}
	if !to.IsZero() {
		list = append(list, system.NewTransferInstruction(lamports, s.wallet, to).Build())
	}
	tx, err := sol.NewTransaction(list, sol.Hash{value}, sol.TransactionPayer(s.wallet))
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := tx.Message.MarshalBinary()
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	tx.Signatures = []sol.Signature{sol.SignatureFromBytes(append(sum[:], sum[:]...))}
	raw, err := tx.MarshalBinary()
	if err != nil {
		s.t.Fatal(err)
	}
	return put{signature: tx.Signatures[0].String(), final: true, Message: tx.Message, signers: 1}, raw
}

// add makes a row that a wish has tried; lands puts its transaction on the chain.
func (s *scene) add(w *wish, id, state, code string, value byte, nonce sol.PublicKey, lands bool) {
	key := "key-" + id
	w.tries = append(w.tries, &try{key: key, id: id})
	if !nonce.IsZero() {
		w.now().nonce = nonce.String()
	}
	s.keys[key] = []string{id}
	x, raw := s.tx(value, nonce, sol.MustPublicKeyFromBase58(w.to), w.lamports)
	at := row{id: id, state: state, code: code}
	f := facts{pays: true}
	if state != "cancelled" && state != "exported" {
		at.txid, f.raw, s.signed[id], s.sent[x.signature] = x.signature, raw, []string{"d" + id}, 1
	}
	s.rows[id], s.facts[id] = at, f
	if lands {
		s.chain[x.signature] = x
	}
}

var (
	purse, purse2 = sol.PublicKey{100}, sol.PublicKey{101}
	someone       = sol.PublicKey{50}
)

// fair is a world with five payments: made; deleted; made at the second time, since
// the first expired; made at the second time, since a stranger advanced the nonce of the
// first; deleted after it was exported.
func fair(t *testing.T) *scene {
	s := &scene{t: t, wallet: sol.PublicKey{7}, svmWorld: &svmWorld{
		books:     books{rows: map[string]row{}, keys: map[string][]string{}, signed: map[string][]string{}},
		facts:     map[string]facts{},
		holds:     map[string]string{},
		strangers: map[string]bool{someone.String(): true},
		chain:     map[string]put{},
		balance:   map[string]uint64{},
		nonces:    map[string]string{purse.String(): sol.Hash{99}.String(), purse2.String(): sol.Hash{98}.String()},
		expires:   map[string]uint64{sol.Hash{1}.String(): 500, sol.Hash{3}.String(): 700},
		height:    func(row) uint64 { return 701 },
		sent:      map[string]int{},
	}}
	payer := &treasurer{address: s.wallet.String(), funded: 1e9}
	for i := range byte(5) {
		s.wishes = append(s.wishes, &wish{to: sol.PublicKey{i + 1}.String(), lamports: 1000 + uint64(i), payer: payer})
		s.balance[s.wishes[i].to] = 0
	}
	none := sol.PublicKey{}
	w := s.wishes
	s.add(w[0], "01", "complete", "", 1, none, true)
	s.add(w[1], "02", "cancelled", "", 0, none, false)
	s.add(w[2], "03", "expired", "chain.expired", 3, none, false)
	s.add(w[2], "04", "complete", "", 4, none, true)
	s.add(w[3], "05", "failed", "chain.conflict", 5, purse, false)
	s.add(w[3], "06", "complete", "", 6, purse2, true)
	s.add(w[4], "07", "exported", "", 0, none, false)
	w[1].unwanted, w[1].refused, w[4].unwanted, w[4].refused = true, true, true, true
	s.facts["07"] = facts{pays: true, parked: true}
	s.holds["nonce:"+purse2.String()+":"+sol.Hash{6}.String()] = "06"
	spent := uint64(0)
	for _, x := range []*wish{w[0], w[2], w[3]} {
		s.balance[x.to] = x.lamports
		spent += x.lamports + fee
	}
	s.balance[payer.address] = payer.funded - spent
	return s
}

// lands puts a transaction more on the chain.
func (s *scene) lands(to sol.PublicKey, lamports uint64, txid string) {
	x, _ := s.tx(200, sol.PublicKey{}, to, lamports)
	if txid != "" {
		x.signature = txid
	}
	s.chain[x.signature] = x
}

func (s *scene) change(id string, f func(*row)) {
	r := s.rows[id]
	f(&r)
	s.rows[id] = r
}

func (s *scene) shown(id string, f func(*put)) {
	x := s.chain[s.rows[id].txid]
	f(&x)
	s.chain[s.rows[id].txid] = x
}

// TestSolanaReconciler plants each lie that it is there to find.
func TestSolanaReconciler(t *testing.T) {
	if r := fair(t).compare(true); !r.clean() || r.Made != 3 || r.Cancelled != 2 || r.Intended != 5 {
		t.Fatalf("an honest world: %+v", r)
	}
	held := "nonce:" + purse.String() + ":" + sol.Hash{99}.String()
	for name, c := range map[string]struct {
		plant func(*scene)
		says  string // part of what is broken; "" for a count alone
	}{
		"paid twice":              {func(s *scene) { s.lands(sol.PublicKey{1}, 1000, "") }, "paid 2 times"},
		"paid too much":           {func(s *scene) { s.wishes[0].lamports-- }, "not what was asked for"},
		"paid by another":         {func(s *scene) { s.wishes[0].payer = &treasurer{address: someone.String()} }, "not what was asked for"},
		"paid by no row":          {func(s *scene) { s.lands(sol.PublicKey{2}, 1001, "") }, "of no row"},
		"a deleted one is paid":   {func(s *scene) { s.lands(sol.PublicKey{2}, 1001, s.rows["01"].txid) }, "not what was asked for"},
		"a poor one is paid":      {func(s *scene) { s.wishes[0].poor = true }, "not what was asked for"},
		"a stranger is paid":      {func(s *scene) { s.lands(sol.PublicKey{60}, 5, "") }, "nobody asked"},
		"an expired one lands":    {func(s *scene) { s.lands(sol.PublicKey{3}, 1002, s.rows["03"].txid) }, "is on the chain"},
		"expired too early":       {func(s *scene) { s.height = func(row) uint64 { return 700 } }, "could land until block 700"},
		"expired without a cause": {func(s *scene) { s.facts["03"] = facts{pays: true} }, "has no transaction"},
		"complete, and not there": {func(s *scene) { delete(s.chain, s.rows["01"].txid) }, "not so on the chain"},
		"complete, and not final": {func(s *scene) { s.shown("01", func(p *put) { p.final = false }) }, "not so on the chain"},
		"complete, and failed":    {func(s *scene) { s.shown("01", func(p *put) { p.failed = true }) }, "not so on the chain"},
		"failed, and not there": {func(s *scene) {
			s.change("01", func(r *row) { r.state, r.code = "failed", "chain.failed" })
			delete(s.chain, s.rows["01"].txid)
		}, "not so on the chain"},
		"failed, and done":        {func(s *scene) { s.change("01", func(r *row) { r.state, r.code = "failed", "chain.failed" }) }, "not so on the chain"},
		"a conflict with nothing": {func(s *scene) { s.nonces[purse.String()] = sol.Hash{5}.String() }, "still holds"},
		"replaced by nothing": {func(s *scene) {
			s.change("05", func(r *row) { r.code = "chain.replaced" })
			s.nonces[purse.String()] = sol.Hash{5}.String()
		}, "still holds"},
		"signed, and sent":            {func(s *scene) { s.change("01", func(r *row) { r.state = "signed" }) }, "was sent"},
		"to end, and sent":            {func(s *scene) { s.facts["01"] = facts{parked: true} }, "was sent"},
		"sent as other bytes":         {func(s *scene) { s.sent[s.rows["01"].txid] = 2 }, "2 different"},
		"sent, and of no row":         {func(s *scene) { s.sent["x"] = 1 }, "of row \"\""},
		"two rows of one transaction": {func(s *scene) { s.change("04", func(r *row) { r.txid = s.rows["01"].txid }) }, "of row 0"},
		"a second row":                {func(s *scene) { s.keys["key-01"] = []string{"01", "08"} }, "the database has"},
		"a lost row":                  {func(s *scene) { delete(s.keys, "key-01") }, "the database has"},
		"a row of nobody's":           {func(s *scene) { s.rows["09"] = row{id: "09", state: "pending"} }, "nobody's"},
		"two digests":                 {func(s *scene) { s.signed["01"] = []string{"d1", "d2"} }, "signed 2 digests"},
		"no signature":                {func(s *scene) { delete(s.signed, "01") }, "signed 0 digests"},
		"an end that holds a nonce":   {func(s *scene) { s.holds["nonce:"+purse.String()+":"+sol.Hash{5}.String()] = "05" }, "is used up"},
		"a nonce that nobody has":     {func(s *scene) { s.holds[held] = "05" }, ""},
		"a nonce that waits":          {func(s *scene) { s.holds[held] = "07" }, ""},
		"complete, with its nonce":    {func(s *scene) { s.nonces[purse2.String()] = sol.Hash{6}.String() }, "still holds its nonce"},
		"a nonce of no account":       {func(s *scene) { s.holds["nonce:x:y"] = "06" }, "no nonce account"},
		"the last without its nonce":  {func(s *scene) { s.wishes[0].last = true }, "could not have"},
		"a lamport too much":          {func(s *scene) { s.balance[s.wallet.String()]++ }, "lamports, and should have"},
		"a lamport too few":           {func(s *scene) { s.balance[s.wishes[0].to]-- }, "lamports, and should have"},
		"stuck":                       {func(s *scene) { s.change("04", func(r *row) { r.state = "broadcast" }) }, ""},
		"not made":                    {func(s *scene) { s.wishes[1].unwanted = false }, ""},
		"not final": {func(s *scene) {
			s.change("01", func(r *row) { r.state = "broadcast" })
			s.shown("01", func(p *put) { p.final = false })
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := fair(t)
			c.plant(s)
			r := s.compare(true)
			if r.clean() || !strings.Contains(strings.Join(r.Broken, "\n"), c.says) {
				t.Errorf("not found: %+v", r)
			}
		})
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	sol "github.com/gagliardetto/solana-go"

	"coldsign/scripts/halves"
)

// wish is a payment of Solana that somebody wants made, once. When one row of it has
// ended without paying, another is asked for.
type wish struct {
	to       string // which nothing else pays
	lamports uint64
	payer    *treasurer
	poor     bool // the payer has less: it is never made
	unwanted bool // somebody has asked for its end
	refused  bool // the API has taken its end: nothing of it may be sent any more
	last     bool // it is one of the last, each of which has a nonce account
	tries    []*try
}

// try is one row for a wish.
type try struct {
	key   string // its idempotency key
	id    string // the row's, once the API has said it
	nonce string // the nonce account's that it uses up; "" for a recent blockhash
}

// treasurer is a wallet that pays, with its nonce accounts.
type treasurer struct {
	id, address string
	key         sol.PrivateKey // of the one that strangers have too; else nil
	nonces      []sol.PublicKey
	funded      uint64 // lamports
}

// stroller is the driver of a soak on Solana.
type stroller struct {
	*driver
	chain    *cluster
	gates    [2]*gateway
	sent     *sendings
	payers   []*treasurer
	wishes   []*wish
	requests []string // bundles that are still to be signed
	answers  []string // bundles that are still to be imported
	used     []string // answers that were imported
	bundle   []string // every bundle, by its number less one
	sequence uint64   // of the last bundle
	away     time.Time
	clock    bool // the online half's clock and the chain's can be set
	closing  bool // the last payments are made
	emptied  int  // nonce accounts that strangers have closed

	known  map[string]*sol.Transaction // of the chain, by signature
	rows   map[string]row              // when they were last looked at
	parked map[string]bool

	moving, open int // rows that have not been sent, and that have not ended, when they were last looked at
}

const (
	nonceAccounts = 5 // of each wallet
	wealth        = 5_000_000 * sol.LAMPORTS_PER_SOL
)

func beginSolana(ctx context.Context, p plan, dir string) (*stroller, error) {
	s := &stroller{driver: &driver{Halves: &halves.Halves{Dir: dir}, plan: p, typical: map[string]time.Duration{}, stop: func() {}},
		sent: &sendings{of: map[string]map[string]bool{}}, known: map[string]*sol.Transaction{}}
	if p.Failing != "" { // a short run, in which minutes are to pass
		s.clock, s.Env = true, []string{"COLDSIGN_CLOCK=" + s.Path("clock")}
	}
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { s.chain, errs[0] = newCluster(ctx, &s.counts) })
	both.Go(func() { errs[1] = s.homes(ctx) })
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return s, err
	}
	s.chain.often, s.chain.quick = s.often(s.chain.often), s.clock
	for _, t := range s.payers {
		who, err := sol.PublicKeyFromBase58(t.address)
		if err != nil {
			return s, err
		}
		if err := s.chain.fund(ctx, wealth, who); err != nil {
			return s, err
		}
		t.funded = wealth
		if t.nonces, err = s.chain.purses(ctx, who, nonceAccounts); err != nil {
			return s, err
		}
	}
	for i := range s.gates {
		s.gates[i] = newGateway(s.chain, i == 1, s.sent)
	}
	err := s.Configure(ctx, halves.Network{Chain: "SOL", Name: "localnet", RPC: s.gates[0].URL, More: []string{s.gates[1].URL}, Confirmations: 32})
	if err != nil {
		return s, err
	}
	ticking, stop := context.WithCancel(ctx)
	var ticker sync.WaitGroup
	ticker.Go(func() { s.chain.tick(ticking) })
	s.stop = func() { stop(); ticker.Wait() }
	return s, s.start(ctx)
}

// homes makes both halves, a wallet of words, and one of a key that strangers have too.
func (s *stroller) homes(ctx context.Context) (err error) {
	if s.Programs = s.Built; s.Programs.Online == "" {
		if s.Programs, err = halves.Build(ctx, s.Dir); err != nil {
			return err
		}
	}
	if s.Failing != "" {
		s.Programs.Online = s.Failing
	}
	if err := s.Init(ctx); err != nil {
		return err
	}
	w, err := s.NewWallet(ctx, "SOL")
	if err != nil {
		return err
	}
	key, err := sol.NewRandomPrivateKey()
	if err != nil {
		return err
	}
	numbers := make([]int, len(key))
	for i, b := range key {
		numbers[i] = int(b)
	}
	text, _ := json.Marshal(numbers) // numbers always go
	if err := os.WriteFile(s.Path("keypair.json"), text, 0o600); err != nil {
		return err
	}
	shared, err := s.keypair(ctx, "keypair.json")
	if err != nil {
		return err
	}
	s.payers = []*treasurer{{id: w.SignatureID, address: w.Address}, {id: shared, address: key.PublicKey().String(), key: key}}
	if err := s.Lighten("passphrase"); err != nil { // more crossings, and the same code
		return err
	}
	return s.ShareKeys(ctx)
}

func (s *stroller) end() {
	s.driver.end()
	for _, g := range s.gates {
		if g != nil {
			g.CloseClientConnections()
			g.Close()
		}
	}
	if s.chain != nil {
		s.chain.node.Stop()
	}
}

// faults makes payments while everything goes wrong.
func (s *stroller) faults(ctx context.Context) error {
	for _, g := range s.gates {
		g.trouble(s.Rate)
		g.striking(s.strike)
	}
	s.chain.roughly(true)
	audited, end := time.Now(), time.Now().Add(s.Time)
	for time.Now().Before(end) && len(s.broken) == 0 {
		if err := s.chain.healthy(); err != nil {
			return err
		}
		for range 1 + rand.IntN(5) {
			if err := s.wish(ctx); err != nil {
				return fmt.Errorf("payment: %w", err)
			}
		}
		for _, do := range []func(context.Context) error{s.alive, s.carry, s.intervene, s.follow} {
			if err := do(ctx); err != nil {
				return err
			}
		}
		s.gates[rand.IntN(2)].lag(rand.IntN(8) == 0)
		if rand.IntN(3) == 0 {
			s.strike("at random")
		}
		if time.Since(audited) > 10*time.Second {
			audited = time.Now()
			if r, err := s.reconcile(ctx, false); err != nil {
				return fmt.Errorf("reconciling: %w", err)
			} else if s.broken = r.Broken; len(r.Broken) > 0 {
				return nil
			}
		}
	}
	return nil
}

// carry takes bundles across the gap and back, in their order; now and then whoever
// carries them is away for so long that the payments end.
func (s *stroller) carry(ctx context.Context) error {
	if err := s.export(ctx); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if time.Now().Before(s.away) {
		return nil
	}
	if s.chance(60) && s.Time > 2*time.Minute {
		s.counts.add("late", "the carrier was away for more than a minute")
		s.away = time.Now().Add(65 * time.Second)
		return nil
	}
	for len(s.requests) > 0 && !s.chance(3) {
		if err := s.signs(ctx); err != nil {
			return fmt.Errorf("sign: %w", err)
		}
	}
	for len(s.answers) > 0 && !s.chance(3) {
		if err := s.arrive(ctx); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	return nil
}

// export writes a bundle of all that is pending, or of some of it. What a killed export
// has made and not written is written again by its number.
func (s *stroller) export(ctx context.Context) error {
	var more []string
	if s.chance(3) {
		more = []string{"--limit", fmt.Sprint(1 + rand.IntN(4))}
	}
	name := ""
	var x halves.Exported
	once := func(ctx context.Context) (err error) {
		name = s.file("requests")
		x, err = s.Export(ctx, name, more...)
		return err
	}
	err := s.killing(ctx, "export", once)
	if halves.CodeOf(err) == "export.empty" {
		return nil
	}
	if err == nil && s.chance(3) {
		s.counts.add("twice", "export")
		again := s.file("requests")
		if _, err = s.Online(ctx, "export", "--bundle", fmt.Sprint(x.Sequence), "--out", again); err == nil {
			s.same("requests", []string{name, again})
		}
	}
	if err != nil {
		return err
	}
	for ; s.sequence < x.Sequence; s.sequence++ {
		file := name
		if n := s.sequence + 1; n < x.Sequence {
			file = s.file("requests")
			if _, err := s.Online(ctx, "export", "--bundle", fmt.Sprint(n), "--out", file); err != nil {
				return err
			}
		}
		s.requests, s.bundle = append(s.requests, file), append(s.bundle, file)
	}
	if x.Sequence == 0 || x.Sequence > s.sequence {
		return fmt.Errorf("bundle %d after %d", x.Sequence, s.sequence)
	}
	s.same("requests", []string{s.bundle[x.Sequence-1], name})
	return s.torn(ctx, name, "requests", func(name string) error {
		_, err := s.Review(ctx, name)
		return err
	})
}

// signs has the oldest bundle signed.
func (s *stroller) signs(ctx context.Context) error {
	request := s.requests[0]
	var review halves.Review
	look := func(ctx context.Context) error {
		r, err := s.Review(ctx, request)
		if err == nil { // it may have been killed
			review = r
		}
		return err
	}
	if err := s.killing(ctx, "review", look); err != nil {
		return err
	}
	var answers []string
	sign := func(ctx context.Context) error {
		name := s.file("answers")
		answers = append(answers, name)
		_, err := s.Sign(ctx, request, name, review.Digest)
		if halves.CodeOf(err) == "approve.unseen" { // one of them has become late since
			if err := look(ctx); err != nil {
				return err
			}
			_, err = s.Sign(ctx, request, name, review.Digest)
		}
		if halves.CodeOf(err) == "sign.refused" { // all of it comes too late, which the answer says
			s.counts.add("late", "bundles of which nothing was signed")
			return nil
		}
		return err
	}
	err := s.killing(ctx, "sign", sign)
	if err == nil && s.chance(5) {
		s.counts.add("twice", "sign")
		err = sign(ctx)
	}
	if err != nil {
		return err
	}
	s.requests = s.requests[1:]
	s.answers = append(s.answers, s.same("answers", answers))
	s.bundles++
	return nil
}

// arrive imports the oldest answer, and now and then one that was imported long ago.
func (s *stroller) arrive(ctx context.Context) error {
	next := s.answers[0]
	imports := func(name string) error { _, err := s.Import(ctx, name); return err }
	if err := s.torn(ctx, next, "answers", imports); err != nil {
		return err
	}
	if err := s.take(ctx, next); err != nil {
		return err
	}
	s.answers, s.used = s.answers[1:], append(s.used, next)
	if s.chance(6) {
		s.counts.add("twice", "an old stick read")
		return imports(s.used[rand.IntN(len(s.used))])
	}
	return nil
}

// keypair imports a key as Solana's own tools write it.
func (s *stroller) keypair(ctx context.Context, name string) (id string, err error) {
	out, err := s.Offline(ctx, "wallet", "import", "--keypair", name, "--testnet", "--json")
	if err != nil {
		return "", err
	}
	// One wallet, or a list of one.
	var one struct {
		SignatureID string `json:"signatureId"`
	}
	text := strings.TrimSpace(string(out))
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if err = json.Unmarshal([]byte(text), &one); err == nil && one.SignatureID == "" {
		err = fmt.Errorf("no signature id in %s", out)
	}
	return one.SignatureID, err
}

// soakSolana runs the plan and prints the table.
func soakSolana(ctx context.Context, p plan, dir string, out io.Writer) (bool, error) {
	s, err := beginSolana(ctx, p, dir)
	defer s.end()
	if err != nil {
		return false, err
	}
	began := time.Now()
	if err := s.faults(ctx); err != nil {
		return false, err
	}
	r, err := s.settle(ctx)
	if err != nil {
		return false, err
	}
	s.print(out, r, time.Since(began))
	return r.clean(), nil
}

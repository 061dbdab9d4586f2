package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"coldsign/scripts/fund"
	"coldsign/scripts/halves"
	"coldsign/scripts/rig"
)

// The networks, with how deep a payment must be. The Solana server finalizes at
// once.
const (
	bitcoinDepth = 3
	evmDepth     = 3
	solanaDepth  = 32
)

// demo is what the steps share.
type demo struct {
	h         *halves.Halves
	nodes     [3]*rig.Node // btcd, anvil, Solana
	btc       *fund.Bitcoin
	eth       *fund.EVM
	sol       *fund.Solana
	wallet    struct{ btc, eth, sol halves.Wallet }
	key, back fund.Key // of the Bitcoin wallet: what pays, and what gets the change
	coins     []fund.Coin
	erc20     string
	mint      string
	payments  []payment
}

func (d *demo) stop() {
	if d.btc != nil {
		d.btc.Close()
	}
	for _, n := range d.nodes {
		if n != nil {
			n.Stop()
		}
	}
}

func (d *demo) start(ctx context.Context) error {
	fmt.Println("the first time installs the nodes into .cache, which takes minutes")
	var wg sync.WaitGroup
	var errs [3]error
	kinds := []rig.Kind{rig.KindBtcd, rig.KindAnvil, rig.KindSolana}
	for i, kind := range kinds {
		wg.Go(func() { d.nodes[i], errs[i] = rig.Start(ctx, kind) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for i, kind := range kinds {
		fmt.Printf("%-7s %s\n", kind, d.nodes[i].URL)
	}
	var err error
	if d.btc, err = fund.NewBitcoin(d.nodes[0].URL, d.nodes[0].User, d.nodes[0].Password); err != nil {
		return err
	}
	if d.eth, err = fund.NewEVM(ctx, d.nodes[1].URL); err != nil {
		return err
	}
	d.sol, err = fund.NewSolana(ctx, d.nodes[2].URL)
	return err
}

func (d *demo) wallets(ctx context.Context) (err error) {
	if d.wallet.btc, err = d.h.NewWallet(ctx, "BTC"); err != nil {
		return err
	}
	if d.wallet.eth, err = d.h.NewWallet(ctx, "ETH"); err != nil {
		return err
	}
	if d.wallet.sol, err = d.h.NewWallet(ctx, "SOL"); err != nil {
		return err
	}
	if d.key, err = d.h.BitcoinKey(ctx, d.wallet.btc.SignatureID, "0"); err != nil {
		return err
	}
	if d.back, err = d.h.BitcoinKey(ctx, d.wallet.btc.SignatureID, "1"); err != nil {
		return err
	}
	return d.h.ShareKeys(ctx)
}

func (d *demo) serve(ctx context.Context) error {
	err := d.h.Configure(ctx,
		halves.Network{Chain: "BTC", Name: "regtest", RPC: d.nodes[0].URL, User: d.nodes[0].User, Password: d.nodes[0].Password, Confirmations: bitcoinDepth},
		halves.Network{Chain: "ETH", Name: "local", RPC: d.nodes[1].URL, Confirmations: evmDepth},
		halves.Network{Chain: "SOL", Name: "localnet", RPC: d.nodes[2].URL, Confirmations: solanaDepth})
	if err != nil {
		return err
	}
	return d.h.Serve(ctx)
}

// carry takes the requests across, has them reviewed and signed, and brings the
// signatures back.
func (d *demo) carry(ctx context.Context) error {
	if _, err := d.h.Online(ctx, "export", "--out", "requests.cbor"); err != nil {
		return err
	}
	review, err := d.h.Offline(ctx, "review", "requests.cbor")
	if err != nil {
		return err
	}
	approve, err := digest(review)
	if err != nil {
		return err
	}
	if _, err := d.h.Offline(ctx, "sign", "requests.cbor", "--out", "answers.cbor", "--approve", approve); err != nil {
		return err
	}
	_, err = d.h.Online(ctx, "import", "answers.cbor")
	return err
}

// broadcast sends, mines, and waits until no payment can change any more.
func (d *demo) broadcast(ctx context.Context) error {
	// The server sends too, at the same time, so that a problem of this command
	// may be that the other was faster. The nodes have the last word.
	if _, err := d.h.Online(ctx, "broadcast"); err != nil {
		if halves.CodeOf(err) != "broadcast.problem" {
			return err
		}
		fmt.Println(err)
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for last := ""; ; {
		counts, open, err := d.look(ctx)
		if err != nil {
			return err
		}
		if counts != last {
			fmt.Println(counts)
			last = counts
		}
		if open == 0 {
			return nil
		}
		if err := errors.Join(d.btc.Mine(1), d.eth.Mine(ctx, 1)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look reads every row, and says how many are in which state and how many may
// still change.
func (d *demo) look(ctx context.Context) (counts string, open int, err error) {
	n := map[string]int{}
	for i := range d.payments {
		p := &d.payments[i]
		if p.row, err = d.h.Get(ctx, p.row.ID); err != nil {
			return "", 0, err
		}
		n[p.row.State]++
	}
	for _, state := range []string{"exported", "signed", "broadcasting", "broadcast"} {
		open += n[state]
	}
	for _, state := range []string{"exported", "signed", "broadcasting", "broadcast", "complete", "refused", "expired", "failed"} {
		if n[state] > 0 {
			counts += fmt.Sprintf("%s %d  ", state, n[state])
		}
	}
	return strings.TrimSpace(counts), open, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"coldsign/online/internal/api"
	"coldsign/online/internal/apikeys"
	"coldsign/online/internal/broadcast"
	"coldsign/online/internal/chain/clients"
	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/config"
	"coldsign/online/internal/foureyes"
	"coldsign/online/internal/intake"
	"coldsign/online/internal/lineage"
	"coldsign/online/internal/node"
	"coldsign/online/internal/quorum"
	"coldsign/online/internal/replace"
	"coldsign/online/internal/signer"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

const (
	defaultListen = "127.0.0.1:8190"
	shutdownTime  = 10 * time.Second
)

func (a *app) serve() error {
	return a.look(func(h *home) error {
		log := slog.New(slog.NewJSONHandler(h.err, nil))
		loop, err := h.loop(log)
		if err != nil {
			return err
		}
		listen := h.opt.listen
		if listen == "" {
			listen = h.config.Listen
		}
		if listen == "" {
			listen = defaultListen
		}
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return fault.New("serve.listen", "give another --listen", "cannot listen on %q", listen)
		}
		if a.loud != "" {
			log.Warn(a.loud)
		}
		h.fourEyes(func(text string) { log.Warn(text) })
		if f := h.config.FourEyes; f != nil && f.Compat {
			log.Warn(foureyes.Weakness)
		}
		watched, err := h.watch(loop)
		if err != nil {
			return err
		}
		defer watched.close()
		hot := &signer.Desk{Store: h.store, Codecs: h.chain, Nodes: loop.Nodes, Sender: loop}
		if damage := h.store.Damaged(); damage != nil {
			log.Error("the database is damaged: it is read, and nothing is changed or broadcast", "code", fault.Code(damage), "error", damage.Error())
			loop = nil
		} else {
			release, err := h.replicate(loop, log)
			if err != nil {
				return err
			}
			defer release()
			defer h.polling(loop, log)()
			defer h.tell(log)()
		}
		creator := h.creator(loop)
		in := h.intake()
		in.Blockhash = hot.Blockhash
		calls := api.New(api.Config{Store: apikeys.New(h.store, h.config.APIKeys, h.now), Intake: in, Replacer: &replace.Maker{Store: apikeys.New(h.store, h.config.APIKeys, h.now), Intake: h.intake(), Nodes: creator.Nodes}, Creator: creator, Hooks: h.hooks(), Now: h.now, Log: log, Version: version(),
			Signer: hot, Observe: watched.request, Ready: func() bool { return h.ctx.Err() == nil }})
		pages, said, err := h.desk(l.Addr(), calls, creator, watched, log)
		if err != nil {
			return err
		}
		if err := h.say(watched.said(said), "listening on %s\n", said["listening"]); err != nil {
			return err
		}
		return h.until(api.Server(listen, pages), h.sealed(api.Limit(l, api.Connections)), loop)
	})
}

// until serves until the context ends, then lets requests and the loop finish.
func (h *home) until(server *http.Server, l net.Listener, loop *broadcast.Loop) error {
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	done := make(chan error, 2)
	go func() { done <- server.Serve(l) }()
	go func() {
		var err error
		if loop == nil { // a damaged database is only read
			<-ctx.Done()
		} else {
			err = loop.Run(ctx)
		}
		if errors.Is(err, context.Canceled) {
			err = nil
		}
		done <- err
	}()
	var first error
	waiting := 2
	select {
	case <-ctx.Done():
	case first = <-done:
		waiting--
	}
	cancel()
	stop, release := context.WithTimeout(context.WithoutCancel(h.ctx), shutdownTime)
	defer release()
	err := server.Shutdown(stop)
	for range waiting {
		if e := <-done; first == nil {
			first = e
		}
	}
	if first == nil || errors.Is(first, http.ErrServerClosed) {
		return err
	}
	return first
}

// intake accepts for the configured networks, or, while none is, for all.
func (h *home) intake() *intake.Intake {
	in := &intake.Intake{Chains: h.chain.All(), Wallets: h.store, Owners: h.config.Owners, Now: h.now}
	for _, n := range h.config.Networks {
		in.Networks = append(in.Networks, n.ID)
	}
	if len(in.Networks) == 0 {
		for _, c := range h.chain.All() {
			in.Networks = append(in.Networks, c.Codec.Networks()...)
		}
	}
	return in
}

func (h *home) loop(log *slog.Logger) (*broadcast.Loop, error) {
	l := &broadcast.Loop{
		Store: h.store, Nodes: map[chain.ID]node.Node{}, Depth: map[chain.ID]uint64{}, Deep: map[chain.ID]uint64{}, Log: log, Now: h.now, Interval: 2 * time.Second,
		Parents: lineage.Parents(h.store), Bytes: lineage.Bytes,
	}
	for _, n := range h.config.Networks {
		q, err := nodes(n)
		if err != nil {
			return nil, err
		}
		l.Nodes[n.ID], l.Depth[n.ID], l.Deep[n.ID] = q, n.Confirmations, n.Watch
	}
	h.relay(l)
	return l, nil
}

// members are the nodes of a network.
func members(n config.Network) (list []quorum.Member, err error) {
	for _, m := range n.Nodes() {
		c, err := clients.New(transport.Config{Network: n.ID, URL: m.RPC, User: m.User, Password: m.Password.Reveal(), Depth: n.Confirmations, Coins: m.Coins})
		if err != nil {
			return nil, err
		}
		list = append(list, quorum.Member{Name: m.Label, Node: c})
	}
	return list, nil
}

// nodes are those of a network, asked as one.
func nodes(n config.Network) (*quorum.Quorum, error) {
	list, err := members(n)
	if err != nil {
		return nil, err
	}
	return quorum.New(list, n.Views, n.Confirmations)
}

func (a *app) broadcast() error {
	return a.with(func(h *home) error {
		l, err := h.loop(slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		sum, err := l.Once(h.ctx)
		if err != nil {
			return err
		}
		err = h.print(sum, func(w io.Writer) error {
			for _, p := range sum.Problems {
				fmt.Fprintln(w, "problem  "+p)
			}
			_, err := fmt.Fprintf(w, "looked at %d: %d accepted, %d complete, %d failed, %d expired, %d on their way\n",
				sum.Looked, sum.Accepted, sum.Completed, sum.Failed, sum.Expired, sum.Waiting)
			if err == nil && sum.Watched > 0 {
				_, err = fmt.Fprintf(w, "watched %d complete ones: a reorganization took %d back\n", sum.Watched, sum.Reorged)
			}
			return err
		})
		if err == nil && len(sum.Problems) > 0 {
			return fault.New("broadcast.problem", "see the lines above; run it again when the node answers", "%d problems", len(sum.Problems))
		}
		return err
	})
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

func (a *app) version() error {
	var chains []string
	for _, c := range a.chain.All() {
		chains = append(chains, c.Name)
	}
	return a.say(map[string]any{"version": version(), "chains": chains}, "coldsign-online %s\nchains %s\n", version(), strings.Join(chains, " "))
}

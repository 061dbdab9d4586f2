package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"

	"coldsign/offline/internal/console"
	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/durable"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/hd"
)

func (a *app) pair() error {
	sends, err := a.opt.Direction(a.opt.json, a.opt.in)
	switch {
	case err != nil:
		return err
	case sends:
		return a.with((*session).pairOut)
	}
	return a.withMessage(a.opt.in, frame.IsBundle, (*session).pairIn)
}

// pairOut writes this half's device key for the other half.
func (s *session) pairOut() error {
	d := s.ks.Device()
	dev := bundle.Device{Half: "offline"}
	copy(dev.Key[:], d.Public())
	item, err := bundle.EncodeItem(dev)
	if err != nil {
		return err
	}
	raw, err := bundle.Seal(bundle.Header{Kind: bundle.Pairing, Created: s.now().Unix(), Rehearsal: s.ks.Rehearsal()}, [][]byte{item}, d)
	if err != nil {
		return err
	}
	if err := s.send(raw); err != nil || s.opt.Printed() {
		return err
	}
	id := bundle.IDOf(d.Public())
	return s.say(map[string]any{"out": s.opt.Where(), "device": id.String()}, "device %s: now read the file on the online half\n", id)
}

// pairIn reads the online half's device key and pairs once a person has seen
// the same six words on both screens.
func (s *session) pairIn(m frame.Message) error {
	raw, err := m.Bundle()
	if err != nil {
		return err
	}
	b, dev, err := bundle.OpenPairing(raw)
	if err != nil {
		return err
	}
	if err := b.Mark(s.ks.Rehearsal()); err != nil {
		return err
	}
	if dev.Half != "online" {
		return fault.New("pair.half", "give the file that \"coldsign-online pair --out\" wrote", "this pairing comes from an offline half")
	}
	me, other := s.ks.Device().Public(), ed25519.PublicKey(dev.Key[:])
	digest := bundle.PairingWords(me, other)
	words := strings.Join(hd.Words(digest[:], 6), " ")
	old, paired := s.ks.Peer()
	doc := map[string]any{"words": words, "device": bundle.IDOf(other).String(), "paired": true}
	if paired && bytes.Equal(old, other) {
		return s.say(doc, "already paired\nwords  %s\n", words)
	}
	if paired && !s.opt.replace {
		return fault.New("pair.exists", "give --replace to pair with the new one instead", "this half is paired with another online half, %s", bundle.IDOf(old))
	}
	if err := s.confirmWords(words); err != nil {
		return err
	}
	s.ks.SetPeer(other)
	if _, err := s.record(journal.Entry{Kind: journal.Pair, Data: other}); err != nil {
		return err
	}
	if err := s.ks.Save(); err != nil {
		return err
	}
	return s.say(doc, "paired with %s\nwords  %s\n", bundle.IDOf(other), words)
}

func (s *session) confirmWords(words string) error {
	if s.opt.confirm != "" {
		if !console.Same(s.opt.confirm, words) {
			return fault.New("pair.words", "stop: the file may have been swapped on the way", "these are not the words: here they are %q", words)
		}
		return nil
	}
	if !s.con.Terminal() {
		if err := s.say(map[string]any{"words": words, "paired": false}, "words  %s\n", words); err != nil {
			return err
		}
		return fault.New("pair.unconfirmed", "compare the six words with the other screen, then run again with --confirm \"the words\"", "not paired yet")
	}
	fmt.Fprintf(s.con.Err, "\n    %s\n\n", words)
	typed, err := s.con.Ask("are these the words on the online half's screen? type yes: ")
	if err != nil {
		return err
	}
	if !strings.EqualFold(typed, "yes") {
		return fault.New("pair.words", "nothing was changed", "the words were not confirmed")
	}
	return nil
}

func (a *app) keysExport() error {
	if err := a.opt.MustSend(a.opt.json); err != nil {
		return err
	}
	if a.opt.id != "" {
		return a.keysForeign()
	}
	return a.with(func(s *session) error {
		peer, err := s.peer()
		if err != nil {
			return err
		}
		var ids []bundle.SignatureID
		for _, info := range s.ks.List() {
			ids = append(ids, info.ID)
		}
		items, err := s.publicKeys(ids)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			return fault.New("wallet.none", "make one with \"coldsign-offline wallet new\"", "there is no wallet to export")
		}
		if err := s.opt.Writable(); err != nil {
			return err
		}
		if raw, ok := s.unchanged(items); ok {
			return s.exported(raw, s.j.Out().Sequence, len(items), true)
		}
		place := s.next()
		raw, err := s.sealKeys(items, peer, place, s.j.Last())
		if err != nil {
			return err
		}
		place.Digest = sha256.Sum256(raw)
		if err := s.keep(place.Sequence, raw); err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Keys, Out: place}); err != nil {
			return err
		}
		return s.exported(raw, place.Sequence, len(items), false)
	})
}

// exported writes a keys bundle where it was asked for.
func (s *session) exported(raw []byte, sequence uint64, wallets int, repeat bool) error {
	if err := s.send(raw); err != nil || s.opt.Printed() {
		return err
	}
	again := ""
	if repeat {
		again = ", as before, byte for byte"
	}
	return s.say(map[string]any{"out": s.opt.Where(), "wallets": wallets, "sequence": sequence, "repeat": repeat},
		"bundle %d with the public keys of %d wallet(s)%s\n", sequence, wallets, again)
}

// unchanged gives the last bundle again when it told these very keys: a file may
// be lost on the way, and a new number for the same keys would leave a gap.
func (s *session) unchanged(items [][]byte) ([]byte, bool) {
	e, ok := s.j.Sent(s.j.Out().Sequence)
	if !ok || e.Kind != journal.Keys {
		return nil, false
	}
	raw, err := durable.Read(s.sent(e.Out.Sequence), bundle.MaxFile)
	if err != nil || sha256.Sum256(raw) != e.Out.Digest {
		if raw, err = s.keysAgain(e); err != nil {
			return nil, false
		}
	}
	b, err := bundle.Open(raw, s.ks.Device().Public())
	if err != nil || b.Len() != len(items) {
		return nil, false
	}
	for i, item := range items {
		if !bytes.Equal(item, b.Item(i)) {
			return nil, false
		}
	}
	return raw, true
}

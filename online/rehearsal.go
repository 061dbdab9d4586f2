package main

import (
	"coldsign/online/internal/config"
	"coldsign/online/internal/courier"
	"coldsign/shared/fault"
)

// openDevice reads or makes the device key. That of a rehearsal is made with
// --rehearsal; from then on the home knows what it is, and has no main network.
func (a *app) openDevice(c config.Config) (*courier.Device, error) {
	load := courier.LoadOrCreateDevice
	if a.opt.rehearsal {
		load = courier.LoadOrCreateRehearsal
		if err := testNetworks(c); err != nil {
			return nil, err // before there is a key
		}
	}
	d, err := load(a.opt.home)
	if err != nil || !d.Rehearsal() {
		return d, err
	}
	a.loud = "REHEARSAL: test networks only; no real half takes anything from here"
	return d, testNetworks(c)
}

func testNetworks(c config.Config) error {
	for _, n := range c.Networks {
		if !n.Testnet {
			return fault.New("rehearsal.mainnet", "take its [[network]] table out, or use another --home", "a rehearsal has no main network, and the configuration names %s", n.ID)
		}
	}
	return nil
}

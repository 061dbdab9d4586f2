package keystore

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"syscall"
	"testing"

	"coldsign/shared/chain"
)

// BenchmarkOpen100000 opens a keystore of 100,000 keys, the KDF aside. The bound is 300 ms,
// of processor time where the machine is shared.
func BenchmarkOpen100000(b *testing.B) {
	ks := quick(b)
	for i := range uint64(100_000) {
		e := entry{Chain: "ETH", Testnet: true, Kind: singleKey, Secret: bytes.Repeat([]byte{1}, 32), Curve: chain.Secp256k1}
		binary.BigEndian.PutUint64(e.ID[8:], i+1)
		binary.BigEndian.PutUint64(e.Secret, i+1)
		ks.c.put(e)
	}
	if err := ks.Save(); err != nil {
		b.Fatal(err)
	}
	cpu := func() (ms float64) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
	}
	begun := cpu()
	for b.Loop() {
		again, err := Open(filepath.Dir(ks.path), pass, ks.chains)
		if err != nil || len(again.List()) != 100_000 {
			b.Fatal(err)
		}
		again.Close()
	}
	b.ReportMetric((cpu()-begun)/float64(b.N), "cpu-ms/op")
}

// Inlined uses a banned package of which only inlined functions remain.
package main

import (
	"fmt"
	"net/netip"
)

func main() {
	fmt.Println(netip.AddrFrom4([4]byte{127, 0, 0, 1}).IsLoopback())
}

// Dial uses package net.
package main

import "net"

func main() {
	_, _ = net.Dial("tcp", "127.0.0.1:1")
}

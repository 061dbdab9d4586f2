//go:build !js

package main

// main is for browsers alone.
func main() { panic("build it with GOOS=js GOARCH=wasm") }

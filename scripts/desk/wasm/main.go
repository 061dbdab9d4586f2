//go:build js && wasm

// Command wasm is the reader of codes as a browser would run it by itself: the bench
// compares it with the desk's way, which is to ask the server. It is never shipped.
package main

import (
	"syscall/js"

	"coldsign/shared/frame/picture"
	"coldsign/shared/frame/reader"
)

func main() {
	r := reader.New()
	var pix []byte
	js.Global().Set("readCodes", js.FuncOf(func(_ js.Value, args []js.Value) any {
		width, height := args[1].Int(), args[2].Int()
		if len(pix) != width*height {
			pix = make([]byte, width*height)
		}
		js.CopyBytesToGo(pix, args[0])
		return len(r.Read(&picture.Plane{Width: width, Height: height, Stride: width, Pix: pix}))
	}))
	select {}
}

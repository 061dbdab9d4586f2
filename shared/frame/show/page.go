package show

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"coldsign/shared/fault"
)

// maxPage bounds a page: a browser holds all codes at once.
const maxPage = 64 << 20 // bytes of base64

const pageStyle = `html,body{margin:0;height:100%;background:#fff;color:#000;font:16px sans-serif;color-scheme:only light}
body{display:flex;flex-direction:column;align-items:center;justify-content:center}
canvas{image-rendering:pixelated;background:#fff}p{margin:4px}`

// pageScript draws the codes that stand as base64 in the element "codes": bits row
// by row, each code padded to whole bytes. Scaling is by whole numbers.
const pageScript = `"use strict";
const data=document.getElementById("codes"),side=+data.dataset.side,quiet=4,raw=Uint8Array.from(atob(data.textContent.trim()),c=>c.charCodeAt(0));
const size=Math.ceil(side*side/8),count=raw.length/size,canvas=document.querySelector("canvas"),line=document.getElementById("line"),g=canvas.getContext("2d");
let at=0,paused=false,rate=+data.dataset.rate,last=0;
function draw(){const room=Math.min(innerWidth,innerHeight-70),px=Math.max(1,Math.floor(room/(side+2*quiet)));
canvas.width=canvas.height=(side+2*quiet)*px;g.fillStyle="#fff";g.fillRect(0,0,canvas.width,canvas.height);g.fillStyle="#000";
for(let y=0;y<side;y++)for(let x=0;x<side;x++){const i=y*side+x;if(raw[at*size+(i>>3)]>>(7-(i&7))&1)g.fillRect((x+quiet)*px,(y+quiet)*px,px,px)}
line.textContent=(at+1)+" of "+count+", "+rate+" a second"+(paused?", paused":"")+" - space pause, arrows step, + - speed, f full screen"}
function step(n){at=(at+n+count)%count;draw()}
function tick(t){if(!paused&&t-last>=1000/rate){last=t;step(1)}requestAnimationFrame(tick)}
addEventListener("keydown",e=>{if(e.key===" ")paused=!paused;else if(e.key==="ArrowRight"){paused=true;step(1)}else if(e.key==="ArrowLeft"){paused=true;step(-1)}
else if(e.key==="+")rate=Math.min(30,rate+1);else if(e.key==="-")rate=Math.max(1,rate-1);else if(e.key==="f")document.fullscreenElement?document.exitFullscreen():document.documentElement.requestFullscreen();else return;
e.preventDefault();draw()});
addEventListener("resize",draw);draw();requestAnimationFrame(tick);`

// HTML makes a page for a second screen that needs nothing beside itself: one
// style, one script, both named by their hash in its Content-Security-Policy, and
// the codes. It loads nothing and sends nothing.
func HTML(title string, frames Stream, count uint64, perSecond float64) ([]byte, error) {
	var bits []byte
	side := 0
	for n := range count {
		m, err := frames(n)
		if err != nil {
			return nil, err
		}
		if side = m.Size; uint64(side*side/8)*count > maxPage {
			return nil, fault.New("show.size", "use --profile dense, or show it in the terminal", "%d codes are too many for a page", count)
		}
		packed := make([]byte, (side*side+7)/8)
		for i, dark := range m.Dark {
			if dark {
				packed[i/8] |= 0x80 >> (i % 8)
			}
		}
		bits = append(bits, packed...)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<title>%s</title><style>%s</style></head>
<body><p>%s</p><canvas role="img" aria-label="QR code"></canvas><p id="line"></p>
<div id="codes" hidden data-side="%d" data-rate="%s">%s</div>
<script>%s</script></body></html>
`, hash(pageStyle), hash(pageScript), escape(title), pageStyle, escape(title), side,
		strconv.FormatFloat(perSecond, 'f', -1, 64), base64.StdEncoding.EncodeToString(bits), pageScript)
	return []byte(b.String()), nil
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
}

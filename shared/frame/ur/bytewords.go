package ur

import (
	"encoding/binary"
	"hash/crc32"

	"coldsign/shared/fault"
)

// pairs holds, for each byte, the first and the last letter of its word
// (BCR-2020-012, "minimal").
const pairs = "" +
	"aeadaoaxaaahamatayasbkbdbnbtbabsbebybgbwbbbzcmchcscfcycwcecackct" +
	"cxclcpcndkdadsdidedtdrdndwdpdmdldyeheyeoeeecenemetesftfrfnfsfmfh" +
	"fzfpfwfxfyfefgflfdgagegrgsgtglgwgdgygmgughgohfhghdhkhthphhhlhyhe" +
	"hnhsidiaieihiyioisinimjejzjnjtjljojsjpjkjykpkoktkskkknkgkekikblb" +
	"lalylflslrlplnltloldlelulklgmnmymhmemomumwmdmtmsmknlnyndnsntnnne" +
	"nboyoeotoxonolospdptpkpypspmplpepfpaprqdqzrerprlrorhrdrkrfryrnrs" +
	"rtsesasrssskswstspsosgsbsfsntotktitttdtetytltbtstptatnuyuoutueur" +
	"vtvyvovlvevwvavdvswlwdwmwpwewywswtwnwzwfwkykynylyaytzszoztzczezm"

// byPair gives the byte of two letters plus one, or 0.
var byPair = func() (t [26 * 26]uint16) {
	for i := range 256 {
		t[26*int(pairs[2*i]-'a')+int(pairs[2*i+1]-'a')] = uint16(i + 1)
	}
	return t
}()

// words writes data and its CRC-32.
func words(data []byte) string {
	data = binary.BigEndian.AppendUint32(data[:len(data):len(data)], crc32.ChecksumIEEE(data))
	text := make([]byte, 0, 2*len(data))
	for _, b := range data {
		text = append(text, pairs[2*int(b):2*int(b)+2]...)
	}
	return string(text)
}

// unwords reads what words writes, in lower case.
func unwords(text string) ([]byte, error) {
	if len(text)%2 != 0 || len(text) <= 2*crc32.Size {
		return nil, fault.New("frame.damaged", "", "a UR was cut: it has %d letters", len(text))
	}
	data := make([]byte, len(text)/2)
	for i := range data {
		a, b := text[2*i]-'a', text[2*i+1]-'a'
		if a >= 26 || b >= 26 || byPair[26*int(a)+int(b)] == 0 {
			return nil, fault.New("frame.damaged", "", "a UR was read with errors: %q stands for no byte", text[2*i:2*i+2])
		}
		data[i] = byte(byPair[26*int(a)+int(b)] - 1)
	}
	body := len(data) - crc32.Size
	if crc32.ChecksumIEEE(data[:body]) != binary.BigEndian.Uint32(data[body:]) {
		return nil, fault.New("frame.damaged", "", "a UR was read with errors: its checksum is wrong")
	}
	return data[:body], nil
}

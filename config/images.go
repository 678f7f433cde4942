package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sgate/sgate/vpc"
)

// NetnsImage is the id of the image that is always there: an empty network
// namespace.
const NetnsImage = "ami-netns"

// Image says what the instances run that are launched from it over the EC2 API.
type Image struct {
	ID      string     // "ami-..."
	Name    string     // its id if the file gives it none
	Command []string   // nil for none
	Origin  vpc.Origin // zero for NetnsImage
}

// rawImage is an item of images.
type rawImage struct {
	ID      string `mapstructure:"id"`
	Name    string `mapstructure:"name"`
	Command words  `mapstructure:"command"`
}

// maxImageName is AWS's limit (EC2 API, CreateImage), in characters.
const maxImageName = 128

var imageIDForm = regexp.MustCompile(`^ami-[a-z0-9][a-z0-9-]{0,58}$`)

// Image finds an image by id.
func (c *Config) Image(id string) (Image, bool) {
	at := slices.IndexFunc(c.Images, func(im Image) bool { return im.ID == id })
	if at < 0 {
		return Image{}, false
	}
	return c.Images[at], true
}

// buildImages returns NetnsImage and then the file's images, in its order.
func buildImages(raw []rawImage, index *index, f *faults) []Image {
	images := []Image{{ID: NetnsImage, Name: NetnsImage}}
	declared := make(map[string]vpc.Origin)
	for i, raw := range raw {
		it := item{index, f, ""}.child("images", i)
		if it.broken() {
			continue
		}
		im := Image{ID: it.imageID(raw.ID, declared), Name: it.imageName(raw.Name), Command: it.command(raw.Command), Origin: it.origin()}
		if im.Name == "" {
			im.Name = im.ID
		}
		images = append(images, im)
	}
	return images
}

func (it item) imageID(id string, declared map[string]vpc.Origin) string {
	switch first, taken := declared[id]; {
	case !it.given("id"):
		it.missing("id", "want one such as ami-web, by which instances are launched")
	case !it.ok("id"):
	case id == NetnsImage:
		it.fault("id", id, "is built in, an empty network namespace: want another")
	case !imageIDForm.MatchString(id):
		it.fault("id", id, "want ami- and then 1 to 59 small letters, digits and hyphens, such as ami-web")
	case taken:
		it.fault("id", id, "is taken by another image (declared at %s)", first)
	default:
		declared[id] = it.origin()
	}
	return id
}

func (it item) imageName(name string) string {
	if !it.ok("name") {
		return ""
	}
	unfit := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if name == "" || utf8.RuneCountInString(name) > maxImageName || unfit {
		it.fault("name", name, "want 1 to %d printable characters, or no name at all", maxImageName)
	}
	return name
}

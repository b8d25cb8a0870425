"""Words that may stand for each other, and words that exclude each other, for one-word changes of a sentence.

Written by hand from general knowledge, everyday and technical. Does not know the guide or any data set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

SYNONYMS = """
big large | small little | start begin | starts begins | started began | starting beginning | end finish
ends finishes | stop halt | stops halts | fast quick rapid | quickly rapidly swiftly | slow sluggish | buy purchase
buys purchases | bought purchased | child kid | children kids | couch sofa | street road | bicycle bike
photo picture photograph | photos pictures photographs | cook chef | doctor physician | movie film
talk speak chat | talks speaks chats | talking speaking chatting | look gaze | looking gazing | jump leap | jumps leaps
jumping leaping | shout yell | shouts yells | shouting yelling | smile grin | smiling grinning | car automobile | truck lorry
plane airplane aircraft | boat ship | shop store | rock stone | rocks stones | hat cap | coat jacket | woods forest
ocean sea | hill mound | garbage trash rubbish | autumn fall | mom mother | dad father | people persons folks
man guy gentleman | woman lady | women ladies | happy glad joyful cheerful | sad unhappy | angry mad furious
tired weary exhausted | ill sick | pretty beautiful lovely | smart clever intelligent | funny amusing
silent quiet | noisy loud | wealthy rich | hard difficult tough | easy simple | important significant
correct right | wrong incorrect | whole entire | near close | nearly almost | often frequently | seldom rarely
also too | perhaps maybe | however yet | help assist | helps assists | helping assisting | build construct
builds constructs | built constructed | building constructing | repair fix mend | repairs fixes | repairing fixing
choose pick select | chooses picks selects | chose picked selected | need require | needs requires | show display
shows displays | showing displaying | gather collect | gathers collects | hold grip | holding gripping | carry bear
carries bears | close shut | closes shuts | closing shutting | answer reply respond | answers replies responds | ask inquire
get obtain | gets obtains | got obtained | give provide | gives provides | keep retain | keeps retains | lift raise
lifts raises | hurry rush | hurrying rushing | run sprint | running sprinting | walk stroll | walking strolling
throw toss | throws tosses | throwing tossing | cut slice | eat consume | sleep slumber | crying weeping | drop fall
show exhibit | attempt try | attempts tries | tried attempted | permit allow | permits allows | permitted allowed
demand require | discover find | discovered found | happen occur | happens occurs | happened occurred | vanish disappear
several multiple | numerous many | enough sufficient | total overall | main chief | yearly annual | error mistake
errors mistakes | answer response | job task | jobs tasks | film movie | author writer | lawyer attorney
city town | nation country | home house | rug carpet | cup mug | present gift | taxi cab | dinner supper
begin commence | company firm | workers employees | crowd throng | group bunch | edge border | middle center
machine server host | machines servers hosts | fetch retrieve get | fetches retrieves gets | store save persist
stores saves persists | stored saved persisted | delete remove erase | deletes removes erases | deleted removed erased
send transmit | sends transmits | sent transmitted | copy replica | copies replicas | replicate copy | replicates copies
split divide partition | splits divides partitions | combine merge | combines merges | update modify change
updates modifies changes | updated modified changed | error failure fault | errors failures faults | crash fail
crashes fails | crashed failed | fast speedy | lookup search | message event | messages events | caller client
callers clients | query request | queries requests | wait pause | waits pauses | retry reattempt | lag delay
slowdown delay | spread distribute | spreads distributes | spread distributed | limit cap bound | limits caps bounds
check verify validate | checks verifies validates | checked verified validated | guarantee ensure | guarantees ensures
lower reduce decrease | lowers reduces decreases | grow increase rise | grows increases rises | evict discard drop
evicts discards drops | evicted discarded dropped | stale outdated | fresh current | cheap inexpensive
expensive costly | redundant duplicate | load traffic | peak maximum | minimum least | folder directory | reader consumer
writer producer | node machine | nodes machines | leader primary master | follower replica secondary | key identifier
id identifier | ids identifiers | link url | links urls | user visitor person | users visitors people | spike burst
spikes bursts | schema structure | encode serialize | decode parse | encrypt encipher | log record | logs records
per each every | roughly about approximately | at around | since because | use employ | uses employs | used employed
using employing | make create | makes creates | made created | making creating | think believe | thinks believes
say state | says states | said stated | tell inform | tells informs | told informed | see notice | sees notices
""".replace("\n", "|")
"""Groups of words that mean the same in most sentences; each replaced by another keeps a sentence true."""

SIBLINGS = """
red blue green yellow orange purple pink brown gray | black white golden silver | one two three four five six seven
eight nine ten eleven twelve | twenty thirty forty fifty sixty hundred thousand million | first second third fourth
fifth sixth seventh | half quarter third | Monday Tuesday Wednesday Thursday Friday Saturday Sunday | January February
March April June July August September October November December | spring summer autumn winter | Germany France Italy
Spain England Poland Russia China Japan India Canada Mexico Brazil Australia Egypt Turkey Sweden Norway | German
French Italian Spanish English Polish Russian Chinese Japanese Indian Canadian Mexican Brazilian Australian Egyptian
Turkish Swedish | London Paris Berlin Rome Madrid Moscow Tokyo Chicago Boston Sydney | Europe Asia Africa America
Australia | water coffee tea milk juice beer wine whiskey soda lemonade | guitar piano violin drums trumpet flute
cello saxophone harp accordion | carrot potato tomato onion cabbage lettuce cucumber pepper | carrots potatoes
tomatoes onions cabbages cucumbers peppers | apple banana grape cherry lemon peach pear | apples bananas grapes
cherries lemons peaches pears | bread rice pasta cheese meat soup salad cake | kitchen bedroom bathroom garage
basement attic hallway | wood metal plastic glass paper leather stone rubber | wooden plastic metallic leather |
cotton wool silk | dog cat horse cow pig sheep goat bird | dogs cats horses cows pigs sheep goats birds | lion tiger
bear elephant monkey wolf | soccer tennis basketball baseball hockey golf rugby volleyball cricket | Earth Mars Venus
Jupiter Saturn Mercury Neptune | football swimming boxing wrestling skiing | car bus train bicycle motorcycle boat
truck airplane helicopter | shirt jacket dress sweater hat | shirts jackets dresses sweaters hats | head arm leg hand
foot | eye ear nose mouth | morning afternoon evening night | breakfast lunch dinner | beach park street office school
hospital church restaurant library market forest mountain desert river lake | teacher doctor nurse lawyer farmer
soldier waiter engineer painter singer dancer | running walking sitting sleeping swimming dancing singing eating
cooking reading | runs walks sits sleeps swims dances sings eats cooks reads | standing lying kneeling sitting | man
woman boy girl | men women boys girls | father mother sister brother uncle aunt | husband wife | king queen | chair
table bed desk sofa | book newspaper magazine letter | north south east west | snow rain wind sunshine | round square
triangular | seconds minutes hours days weeks months years | second minute hour day week month year | kilobytes
megabytes gigabytes terabytes petabytes | KB MB GB TB PB | milliseconds microseconds nanoseconds seconds | mathematics
physics chemistry biology history | Python Java Go Rust Ruby | MySQL PostgreSQL Cassandra MongoDB Redis DynamoDB |
Kafka RabbitMQ SQS Pulsar | HTTP TCP UDP DNS TLS SMTP | GET POST PUT DELETE PATCH | REST GraphQL gRPC SOAP | JSON XML
Protobuf CSV | cache database queue index log | latency throughput availability consistency durability | CPU memory
disk network | leader follower | producer consumer | client server proxy | primary replica | sharding replication
caching batching | LRU LFU FIFO | read write delete | reads writes deletes | linear logarithmic quadratic constant |
row column table | authentication authorization encryption | header body cookie | host port path | hash range list |
push pull poll | synchronous asynchronous | retry timeout backoff | commit rollback | left right | front back | top
bottom middle | inside outside | always never sometimes | before after during | all some none | more less | early late
| hot cold warm | old young new | tall short | wet dry | open closed locked | full empty | rich poor | happy sad angry
bored | clean dirty | hard soft | heavy light | loud quiet | long short | wide narrow | thick thin | dark bright |
deep shallow | strong weak | fast slow | cheap expensive | win lose draw | won lost | buy sell rent | give take | push
pull drop | pushing pulling dropping | laughing crying sleeping | entering leaving | arriving departing | up down |
over under | above below | with without | everyone nobody | married single divorced | safe dangerous | legal illegal |
possible impossible | visible invisible | known unknown | public private | local remote | same different
""".replace("\n", " ")
"""Groups of words of one kind; each replaced by another makes a sentence say something else."""


def table(text: str) -> dict[str, list[list[str]]]:
    """From each word, in lower case, to the groups it stands in."""
    found: dict[str, list[list[str]]] = {}
    for group in text.split("|"):
        words = group.split()
        for word in words if len(words) > 1 else ():
            found.setdefault(word.lower(), []).append(words)
    return found


def exchanged(text: str, groups: Mapping[str, list[list[str]]], rng: random.Random) -> str | None:
    """The sentence with one word replaced by another of its group; None where it has no such word."""
    spots = [match for match in re.finditer(r"[A-Za-z]+", text) if match[0].lower() in groups]
    if not spots:
        return None
    spot = rng.choice(spots)
    group = rng.choice(groups[spot[0].lower()])
    other = rng.choice([word for word in group if word.lower() != spot[0].lower()])
    if spot[0][0].isupper():
        other = other[0].upper() + other[1:]
    return text[: spot.start()] + other + text[spot.end() :]

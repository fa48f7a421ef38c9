"""Where the people of the sample data live: names, cities with their zones, and telephone numbers that ring nowhere.

Numbers come only from ranges that a country's regulator keeps free for films and examples. Where there is no such
range nobody has a number, so that switching a real SMS provider on in a demo cannot reach a stranger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """`cities` are (name, zone); `numbers` are (prefix, first, last, digits): +44 7700 900 and 000 … 999, say."""

    code: str
    share: int
    language: str
    cities: tuple[tuple[str, str], ...]
    first_names: str
    last_names: str
    numbers: tuple[tuple[str, int, int, int], ...] = ()

    def phones(self) -> Iterator[str]:
        """Every number there is, each once."""
        for prefix, first, last, digits in self.numbers:
            for number in range(first, last + 1):
                yield f"{prefix}{number:0{digits}d}"


def _in(zone: str, *cities: str) -> tuple[tuple[str, str], ...]:
    return tuple((city, zone) for city in cities)


def _area_codes(codes: str) -> tuple[tuple[str, int, int, int], ...]:
    """North America: 555-0100 to 555-0199 in every area code."""
    return tuple((f"+1{code}5550", 100, 199, 3) for code in codes.split())


COUNTRIES = (
    Country(
        "US", 22, "en",
        (
            *_in("America/New_York", "New York", "Boston", "Atlanta", "Miami", "Philadelphia"),
            *_in("America/Chicago", "Chicago", "Austin", "Minneapolis"),
            *_in("America/Denver", "Denver", "Salt Lake City"),
            *_in("America/Los_Angeles", "Los Angeles", "Seattle", "Portland", "San Francisco"),
        ),
        "Olivia Emma Ava Sophia Mia Grace Hannah Zoe Chloe Natalie Liam Noah Ethan Mason Lucas Logan Caleb Owen"
        " Isaiah Marcus Tyler Jasmine",
        "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore Jackson Martin Lee Harris Clark"
        " Lewis Walker Young Allen Wright Torres",
        _area_codes(
            "201 202 206 212 213 214 215 216 303 305 310 312 313 314 315 323 404 405 408 410 412 415 416 503 504 512"
            " 513 602 612 614 615 617 619 646 650 702 703 713 718 720 801 802 804 808 816 818 901 907 916 919"
        ),
    ),
    Country(
        "GB", 12, "en",
        _in("Europe/London", "London", "Manchester", "Leeds", "Bristol", "Glasgow", "Edinburgh", "Cardiff",
         "Sheffield"),
        "Amelia Isla Freya Poppy Evie Imogen Harriet Alice Nadia Priya Oliver George Harry Jack Alfie Rory Callum"
        " Declan Imran Theo",
        "Evans Thompson Hughes Roberts Turner Hill Cooper Ward Bailey Bennett Shaw Murphy Khan Patel Campbell Stewart"
        " Fraser Morgan Price Watson",
        (("+447700900", 0, 999, 3), ("+441632960", 0, 999, 3)),
    ),
    Country(
        "DE", 12, "de",
        _in("Europe/Berlin", "Berlin", "Hamburg", "München", "Köln", "Frankfurt", "Leipzig", "Stuttgart", "Freiburg"),
        "Lena Marie Anna Johanna Clara Frieda Ayla Katharina Greta Mia Jonas Lukas Felix Paul Maximilian Emil Moritz"
        " Tobias Matthias Cem",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter Wolf Neumann Krüger"
        " Braun Zimmermann Yilmaz Vogel Keller",
        (
            ("+493023125", 0, 999, 3), ("+494066969", 0, 999, 3), ("+496990009", 0, 999, 3),
            ("+4989999980", 0, 99, 2), ("+4917139200", 0, 99, 2), ("+49176040690", 0, 99, 2),
        ),
    ),
    Country(
        "FR", 9, "fr",
        _in("Europe/Paris", "Paris", "Lyon", "Marseille", "Nantes", "Toulouse", "Bordeaux", "Lille", "Grenoble"),
        "Camille Léa Manon Chloé Inès Juliette Louise Margaux Élise Amina Hugo Louis Gabriel Jules Arthur Théo"
        " Mathieu Antoine Karim Bastien",
        "Martin Bernard Dubois Moreau Laurent Simon Lefèvre Leroy Roux Fournier Girard Mercier Dupont Lambert Faure"
        " Rousseau Blanc Garnier Chevalier Benali",
        (("+33639980", 0, 999, 3), ("+33639981", 0, 999, 3), ("+33639982", 0, 999, 3)),
    ),
    Country(
        "ES", 6, "es",
        (*_in("Europe/Madrid", "Madrid", "Barcelona", "Valencia", "Bilbao"), ("Las Palmas", "Atlantic/Canary")),
        "Lucía Sofía Martina Paula Carmen Alba Irene Nuria Elena Pablo Hugo Álvaro Javier Diego Mateo"
        " Sergio Iker Jordi",
        "García Fernández López Martínez Sánchez Pérez Gómez Ruiz Díaz Moreno Álvarez Romero Navarro Torres"
        " Vidal Ortega",
    ),
    Country(
        "IT", 6, "it",
        _in("Europe/Rome", "Milano", "Roma", "Torino", "Bologna", "Firenze", "Napoli"),
        "Giulia Sofia Aurora Martina Chiara Francesca Elisa Alessia Beatrice Lorenzo Matteo Andrea Leonardo Davide"
        " Riccardo Simone Pietro Marco",
        "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa"
        " Fontana Moretti",
    ),
    Country(
        "NL", 4, "nl",
        _in("Europe/Amsterdam", "Amsterdam", "Rotterdam", "Utrecht", "Eindhoven", "Groningen"),
        "Emma Sanne Lotte Fleur Femke Anouk Noor Iris Daan Sem Bram Lars Thijs Jesse Ruben Sander",
        "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Dijkstra Postma Kok Willems",
    ),
    Country(
        "PL", 4, "pl",
        _in("Europe/Warsaw", "Warszawa", "Kraków", "Wrocław", "Gdańsk", "Poznań"),
        "Zofia Julia Maja Hanna Alicja Natalia Agnieszka Kasia Jakub Antoni Szymon Filip Piotr Michał Tomasz Wojciech",
        "Nowak Wójcik Kowalczyk Mazur Krawczyk Zając Król Wróbel Pawlak Dudek Sikora Baran Duda Szewczyk Pietrzak Bąk",
    ),
    Country(
        "SE", 3, "sv",
        _in("Europe/Stockholm", "Stockholm", "Göteborg", "Malmö", "Uppsala", "Umeå"),
        "Alice Astrid Elsa Ebba Saga Linnea Freja Maja William Hugo Axel Oscar Viktor Nils Elias Gustav",
        "Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Lindberg Lindqvist Berg Holm Nyström Ek",
        (
            ("+46701740", 605, 699, 3), ("+46846500", 400, 499, 3), ("+46313900", 600, 699, 3),
            ("+46406280", 400, 499, 3), ("+46980319", 200, 299, 3),
        ),
    ),
    Country(
        "IE", 2, "en",
        _in("Europe/Dublin", "Dublin", "Cork", "Galway", "Limerick"),
        "Aoife Saoirse Niamh Ciara Sinéad Orla Róisín Maeve Conor Cian Oisín Darragh Eoin Fionn Seán Patrick",
        "Byrne Kelly Walsh Ryan Doyle Nolan Brennan Gallagher Kavanagh Quinn Daly Flynn Whelan Keane Sheridan Power",
        (("+35320910", 0, 999, 4),),
    ),
    Country(
        "BR", 5, "pt-BR",
        (*_in("America/Sao_Paulo", "São Paulo", "Rio de Janeiro", "Curitiba"), ("Manaus", "America/Manaus"),
         ("Recife", "America/Recife")),
        "Ana Beatriz Mariana Larissa Camila Fernanda Isabela Juliana João Pedro Gabriel Rafael Thiago"
        " Felipe Bruno Caio",
        "Silva Santos Oliveira Souza Lima Pereira Ferreira Costa Almeida Ribeiro Carvalho Araújo Barbosa"
        " Rocha Cardoso",
    ),
    Country(
        "IN", 5, "en",
        _in("Asia/Kolkata", "Bengaluru", "Mumbai", "Delhi", "Pune", "Chennai", "Hyderabad"),
        "Aanya Diya Ananya Kavya Meera Neha Pooja Ishita Aarav Vihaan Arjun Rohan Karthik Siddharth Rahul Nikhil",
        "Sharma Verma Gupta Iyer Nair Reddy Rao Mehta Joshi Kulkarni Menon Bose Chatterjee Desai Kapoor Pillai",
    ),
    Country(
        "JP", 3, "ja",
        _in("Asia/Tokyo", "Tokyo", "Osaka", "Kyoto", "Sapporo", "Fukuoka"),
        "Yui Sakura Hina Aoi Rin Mei Haruka Misaki Haruto Sota Yuto Ren Daiki Kenta Takumi Hiroshi",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Inoue Mori",
    ),
    Country(
        "AU", 4, "en",
        (*_in("Australia/Sydney", "Sydney", "Newcastle"), ("Melbourne", "Australia/Melbourne"),
         ("Brisbane", "Australia/Brisbane"), ("Perth", "Australia/Perth"), ("Adelaide", "Australia/Adelaide")),
        "Charlotte Matilda Ruby Ivy Willow Sienna Georgia Tahlia Jack Cooper Angus Lachlan Hamish Banjo Kai Darcy",
        "Nguyen Kelly Ryan White King Scott Baker Mitchell Cameron Barnes Gibson Marsh Doyle Fletcher Hogan Tran",
        (("+6125550", 0, 1999, 4),),
    ),
    Country(
        "CA", 3, "en",
        (*_in("America/Toronto", "Toronto", "Ottawa", "Montréal"), ("Calgary", "America/Edmonton"),
         ("Vancouver", "America/Vancouver"), ("Halifax", "America/Halifax")),
        "Avery Claire Maddie Brielle Sadie Élodie Maya Tessa Nathan Wyatt Gavin Xavier Émile Ryder Dylan Simran",
        "Tremblay Roy Gagnon Côté Bouchard MacDonald Fraser Singh Chen Wong Reid Grant Sinclair Leblanc Gill Morin",
        _area_codes("204 226 250 289 306 403 418 506 514 519 587 604 613 647 705 709 778 780 902 905"),
    ),
)  # fmt: skip

EUROPE = [country.code for country in COUNTRIES if country.cities[0][1].startswith("Europe/")]
WITH_PHONES = [country.code for country in COUNTRIES if country.numbers]

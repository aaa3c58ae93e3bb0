-- The invented shop "Brindle & Kettle": who bought what, and how far it got. Every name and number is made up.
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE product (sku TEXT PRIMARY KEY, name TEXT NOT NULL, words TEXT NOT NULL, price REAL NOT NULL, stock INTEGER NOT NULL);
CREATE TABLE purchase (
    id TEXT PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer, placed_on TEXT NOT NULL, status TEXT NOT NULL,
    carrier TEXT, parcel TEXT, arrives_on TEXT, delivered_on TEXT, refunded REAL NOT NULL DEFAULT 0
);
CREATE TABLE line (purchase_id TEXT NOT NULL REFERENCES purchase, sku TEXT NOT NULL REFERENCES product, quantity INTEGER NOT NULL);
CREATE TABLE return_parcel (purchase_id TEXT PRIMARY KEY REFERENCES purchase, reason TEXT NOT NULL);

INSERT INTO customer VALUES
    (1, 'Ines Calloway', 'ines@example.com', 'Porto'),
    (2, 'Tomas Reyes', 'tomas@example.com', 'Valencia'),
    (3, 'Lin Yue', 'linyue@example.com', 'Suzhou'),
    (4, 'Martha Oduya', 'martha@example.com', 'Leeds'),
    (5, 'Per Vestergaard', 'per@example.com', 'Aarhus');

INSERT INTO product VALUES
    ('KET-01', 'Heron kettle, 1.2 l', 'kettle tetera hervidor 水壶 烧水壶 steel', 49.0, 31),
    ('KET-02', 'Heron kettle with gooseneck spout', 'kettle gooseneck pour-over tetera hervidor 水壶 手冲壶 coffee', 64.0, 12),
    ('PAN-01', 'Cast-iron pan, 26 cm', 'pan skillet iron sarten sartén 平底锅 铁锅', 58.0, 20),
    ('PAN-02', 'Light steel pan, 20 cm', 'pan skillet steel sarten sartén 平底锅', 32.0, 44),
    ('POT-01', 'Enamel stew pot, 5 l', 'pot casserole enamel olla cazuela 炖锅 锅', 96.0, 7),
    ('KNI-01', 'Kitchen knife, 18 cm', 'knife knives blade cuchillo 菜刀 刀', 79.0, 15),
    ('KNI-02', 'Paring knife', 'knife knives small cuchillo 水果刀 刀', 24.0, 60),
    ('TEA-01', 'Smoked black tea, 100 g', 'tea black te té 红茶 茶叶 茶', 11.5, 120),
    ('TEA-02', 'Roasted green tea, 100 g', 'tea green te té 绿茶 茶叶 茶', 12.5, 90),
    ('MUG-01', 'Stoneware mug', 'mug cup taza 杯子 马克杯', 14.0, 200),
    ('MIL-01', 'Hand coffee grinder', 'grinder coffee mill molinillo café 磨豆机 咖啡', 72.0, 9),
    ('SCA-01', 'Brass kitchen scale', 'scale brass bascula báscula 厨房秤 秤', 118.0, 4);

INSERT INTO purchase VALUES
    ('K-1042', 1, '2026-03-02', 'shipped',   'Norte Post', 'NP-55310', '2026-03-16', NULL, 0),
    ('K-1043', 4, '2026-02-20', 'delivered', 'Norte Post', 'NP-54877', NULL, '2026-02-26', 0),
    ('K-1051', 2, '2026-03-09', 'packed',    NULL, NULL, NULL, NULL, 0),
    ('K-1058', 3, '2026-03-05', 'shipped',   'Far Lane', 'FL-90021', '2026-03-19', NULL, 0),
    ('K-1060', 5, '2026-01-04', 'delivered', 'Norte Post', 'NP-51002', NULL, '2026-01-10', 0),
    ('K-1063', 2, '2026-03-01', 'delivered', 'Far Lane', 'FL-88710', NULL, '2026-03-07', 0),
    ('K-1070', 3, '2026-03-03', 'delivered', 'Far Lane', 'FL-89142', NULL, '2026-03-10', 0),
    ('K-1077', 4, '2026-03-06', 'shipped',   'Slowboat', 'SB-00017', '2026-03-21', NULL, 0);

INSERT INTO line VALUES
    ('K-1042', 'KET-02', 1), ('K-1042', 'TEA-01', 2),
    ('K-1043', 'MUG-01', 4), ('K-1043', 'TEA-02', 1),
    ('K-1051', 'KNI-01', 1),
    ('K-1058', 'POT-01', 1), ('K-1058', 'TEA-02', 3),
    ('K-1060', 'MIL-01', 1),
    ('K-1063', 'PAN-02', 1), ('K-1063', 'KNI-02', 1),
    ('K-1070', 'SCA-01', 1), ('K-1070', 'MUG-01', 2),
    ('K-1077', 'PAN-01', 1);
